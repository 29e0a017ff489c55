"""SQL that turns replayed answers into grids of one cell and their votes.

The staging table holds one row per answer; read here: line, position, image, image_id, label_id, worker_id, hit_id,
submission_id, selected, maybe, role (of the vote), cell_role, state, excluded and turn (0 for a worker's first answer
to the pair); filled in here: answer.
"""

OTHER_ANSWER = """
    SELECT staged.line, staged.image FROM {staged} staged
    JOIN contains_task_containsvote vote ON vote.submission_id = staged.submission_id
    WHERE (vote.selected, vote.maybe) <> (staged.selected, staged.maybe) ORDER BY staged.line LIMIT 1
"""
FILL_ANSWERS = """
    UPDATE {staged} staged SET answer = jsonb_build_object(
        'selected', CASE WHEN staged.selected THEN jsonb_build_array(image.public_id) ELSE '[]'::jsonb END,
        'shown', jsonb_build_array(image.public_id)
    ) || CASE WHEN staged.maybe THEN jsonb_build_object('maybe', jsonb_build_array(image.public_id)) ELSE '{{}}' END
    FROM catalog_image image WHERE image.id = staged.image_id
"""
ADD_GRIDS = """
    WITH grid AS (
        INSERT INTO contains_task_grid (hit_id, label_id)
        SELECT hit_id, min(label_id) FROM {staged} GROUP BY hit_id ORDER BY hit_id RETURNING id, hit_id
    )
    INSERT INTO contains_task_gridcell (grid_id, image_id, position, role)
    SELECT grid.id, min(staged.image_id), 0, min(staged.cell_role)
    FROM grid JOIN {staged} staged ON staged.hit_id = grid.hit_id GROUP BY grid.id ORDER BY grid.id
"""
ADD_VOTES = """
    INSERT INTO contains_task_containsvote
        (submission_id, worker_id, image_id, label_id, selected, maybe, role, counted)
    SELECT submission_id, worker_id, image_id, label_id, selected, maybe, role,
           role = 'question' AND state = 'confirmed' AND NOT excluded AND turn = 0
    FROM {staged} ORDER BY position
"""
