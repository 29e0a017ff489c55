"""SQL statements that load the images of a staging table into the catalog.

The table holds one row per answer; read here: line, position (order in which the answers are to be stored), image
(name) and dataset_label (class index or null); filled in here: image_id.
"""

ADD_IMAGES = """
    INSERT INTO catalog_image (dataset_id, public_id, name, dataset_label_id, original, display, created_at)
    SELECT %(dataset)s, replace(gen_random_uuid()::text, '-', ''), found.image, label.id, '', '', now()
    FROM (
        SELECT image, max(dataset_label) AS dataset_label, min(position) AS first FROM {staged} GROUP BY image
    ) found
    LEFT JOIN catalog_label label ON label.label_set_id = %(label_set)s AND label.index = found.dataset_label
    ORDER BY found.first
    ON CONFLICT (dataset_id, name) DO NOTHING
"""
LABEL_IMAGES = """
    UPDATE catalog_image image SET dataset_label_id = label.id
    FROM (SELECT DISTINCT image, dataset_label FROM {staged} WHERE dataset_label IS NOT NULL) found, catalog_label label
    WHERE image.dataset_id = %(dataset)s AND image.name = found.image AND image.dataset_label_id IS NULL
      AND label.label_set_id = %(label_set)s AND label.index = found.dataset_label
"""
OTHER_LABEL = """
    SELECT staged.line, staged.image, staged.dataset_label, label.index FROM {staged} staged
    JOIN catalog_image image ON image.dataset_id = %(dataset)s AND image.name = staged.image
    JOIN catalog_label label ON label.id = image.dataset_label_id
    WHERE staged.dataset_label <> label.index ORDER BY staged.line LIMIT 1
"""
FIND_IMAGES = """
    UPDATE {staged} staged SET image_id = image.id FROM catalog_image image
    WHERE image.dataset_id = %(dataset)s AND image.name = staged.image
"""
