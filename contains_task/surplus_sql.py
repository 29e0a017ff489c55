"""SQL that sets votes aside as surplus: they would count, but their batch has as many on the pair as it wants.

A batch wants as many votes on a pair as it asked for without further answers and replacements. Of the votes that could
count the first ones do, in the order of submission: it does not matter in which order answers came, were excluded and
readmitted. A “maybe” that counts as nothing takes no place. Adaptive batches want no fixed number of votes.
"""

SET_SURPLUS = """
    WITH current AS (  -- settings of each dataset
        SELECT DISTINCT ON (dataset_id) dataset_id, maybe_counts FROM catalog_settingsversion
        ORDER BY dataset_id, version DESC
    ), extra AS MATERIALIZED (  -- few, and often none
        SELECT hit.id, hit.batch_id FROM workforce_hit hit JOIN workforce_batch batch ON batch.id = hit.batch_id
        WHERE (hit.n_further > 0 OR hit.n_replacements > 0) AND batch.max_votes IS NULL AND batch.dataset_id IN (
            SELECT batch.dataset_id FROM workforce_submission submission
            JOIN workforce_hit hit ON hit.id = submission.hit_id JOIN workforce_batch batch ON batch.id = hit.batch_id
            WHERE submission.id = ANY(%(submissions)s)
        )
    ), asked AS MATERIALIZED (
        SELECT DISTINCT extra.batch_id, grid.label_id, cell.image_id
        FROM extra JOIN contains_task_grid grid ON grid.hit_id = extra.id
        JOIN contains_task_gridcell cell ON cell.grid_id = grid.id AND cell.role = 'question'
    ), pair AS (
        SELECT * FROM asked WHERE EXISTS (
            SELECT FROM contains_task_containsvote vote WHERE vote.image_id = asked.image_id
               AND vote.label_id = asked.label_id AND vote.submission_id = ANY(%(submissions)s)
        )
    ), wanted AS (
        SELECT pair.batch_id, pair.label_id, pair.image_id, sum(slots.n - hit.n_further - hit.n_replacements) AS n
        FROM pair JOIN contains_task_gridcell cell ON cell.image_id = pair.image_id AND cell.role = 'question'
        JOIN contains_task_grid grid ON grid.id = cell.grid_id AND grid.label_id = pair.label_id
        JOIN workforce_hit hit ON hit.id = grid.hit_id AND hit.batch_id = pair.batch_id
        CROSS JOIN LATERAL (
            SELECT count(*) AS n FROM workforce_slot slot WHERE slot.hit_id = hit.id AND slot.state <> 'withdrawn'
        ) slots
        GROUP BY pair.batch_id, pair.label_id, pair.image_id
    ), standing AS (
        SELECT vote.id, vote.surplus, vote.submission_id, wanted.*, batch.dataset_id,
               NOT vote.maybe OR current.maybe_counts <> 'nothing' AS is_vote
        FROM wanted JOIN workforce_batch batch ON batch.id = wanted.batch_id
        JOIN current ON current.dataset_id = batch.dataset_id
        JOIN contains_task_containsvote vote ON vote.image_id = wanted.image_id AND vote.label_id = wanted.label_id
         AND (vote.counted OR vote.surplus)
        JOIN workforce_submission submission ON submission.id = vote.submission_id
        JOIN workforce_hit hit ON hit.id = submission.hit_id AND hit.batch_id = wanted.batch_id
    ), verdict AS (
        SELECT id, surplus, is_vote AND n < row_number() OVER (
            PARTITION BY batch_id, label_id, image_id, is_vote ORDER BY submission_id
        ) AS beyond FROM standing
    )
    UPDATE contains_task_containsvote vote SET surplus = beyond, counted = NOT beyond
    FROM verdict WHERE vote.id = verdict.id AND verdict.surplus <> beyond
"""
