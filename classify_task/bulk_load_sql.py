"""SQL that turns replayed answers into forms and their votes.

The staging table holds one row per answer; read here: line, position, image, image_id, worker_id, hit_id,
submission_id, selected and main (class indexes), form_labels (those of the form), role, state, excluded and turn (0
for a person's first answer to the image); filled in here: answer.
"""

OTHER_ANSWER = """
    SELECT staged.line, staged.image FROM {staged} staged
    JOIN classify_task_classifyvote vote ON vote.submission_id = staged.submission_id
    WHERE vote.main <> staged.main OR NOT (vote.selected @> staged.selected AND vote.selected <@ staged.selected)
    ORDER BY staged.line LIMIT 1
"""
FILL_ANSWERS = "UPDATE {staged} SET answer = jsonb_build_object('selected', to_jsonb(selected), 'main', main)"
ADD_FORMS = """
    INSERT INTO classify_task_form (hit_id, image_id, labels)
    SELECT hit_id, image_id, form_labels FROM (
        SELECT DISTINCT ON (hit_id) hit_id, image_id, form_labels FROM {staged} ORDER BY hit_id
    ) form ORDER BY hit_id
"""
ADD_VOTES = """
    INSERT INTO classify_task_classifyvote (submission_id, worker_id, image_id, selected, main, role, counted)
    SELECT submission_id, worker_id, image_id, selected, main, role,
           role = 'question' AND state = 'confirmed' AND NOT excluded AND turn = 0
    FROM {staged} ORDER BY position
"""
