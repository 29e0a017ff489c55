"""Small files of votes, as text."""

CLASSIFY = "image,dataset_label,annotator,main,selected\n"
CONTAINS = "image,label,rater,answer\n"
FURTHER = ",worker,role,state,submitted_at,settings_version\n"
THREE_ANSWERS = CLASSIFY + "a.jpg,1,0,1,1 2\na.jpg,1,1,2,2 1\nb.jpg,0,0,3,3\n"
LABELS = range(20)


def with_label(rows: str) -> str:
    return CONTAINS.rstrip() + ",dataset_label,submission\n" + rows
