"""SQL that sets votes aside as surplus: they would count, but their form has as many as it wants.

A form wants as many votes as it asked for without further answers and replacements. Of the votes that could count the
first ones do, in the order of submission.
"""

SET_SURPLUS = """
    WITH wanted AS (
        SELECT hit.id, count(slot.id) - hit.n_further - hit.n_replacements AS n
        FROM workforce_hit hit JOIN workforce_slot slot ON slot.hit_id = hit.id AND slot.state <> 'withdrawn'
        WHERE (hit.n_further > 0 OR hit.n_replacements > 0) AND hit.id IN (
            SELECT hit_id FROM workforce_submission WHERE id = ANY(%(submissions)s)
        )
        GROUP BY hit.id
    ), verdict AS (
        SELECT vote.id, vote.surplus, wanted.n < row_number() OVER (
            PARTITION BY wanted.id ORDER BY vote.submission_id
        ) AS beyond
        FROM wanted JOIN workforce_submission submission ON submission.hit_id = wanted.id
        JOIN classify_task_classifyvote vote ON vote.submission_id = submission.id AND (vote.counted OR vote.surplus)
    )
    UPDATE classify_task_classifyvote vote SET surplus = beyond, counted = NOT beyond
    FROM verdict WHERE vote.id = verdict.id AND verdict.surplus <> beyond
"""
