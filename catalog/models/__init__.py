"""Tables of studies, their images and labels, and what people have written about the labels."""

from catalog.models.class_examples import LARGEST_SEED as LARGEST_SEED
from catalog.models.class_examples import MOST_EXAMPLES_OF_A_CLASS as MOST_EXAMPLES_OF_A_CLASS
from catalog.models.class_examples import ClassExample as ClassExample
from catalog.models.class_examples import ExampleDraw as ExampleDraw
from catalog.models.guide import Guide as Guide
from catalog.models.guide import GuideEntry as GuideEntry
from catalog.models.guide import GuidePicture as GuidePicture
from catalog.models.guide import GuideUse as GuideUse
from catalog.models.guide import GuideVersion as GuideVersion
from catalog.models.pairs import ClassPair as ClassPair
from catalog.models.pairs import PairKind as PairKind
from catalog.models.studies import WITHOUT_PICTURES as WITHOUT_PICTURES
from catalog.models.studies import Classifier as Classifier
from catalog.models.studies import Dataset as Dataset
from catalog.models.studies import Example as Example
from catalog.models.studies import ExampleSet as ExampleSet
from catalog.models.studies import Image as Image
from catalog.models.studies import Label as Label
from catalog.models.studies import LabelSet as LabelSet
from catalog.models.studies import MaybeCounts as MaybeCounts
from catalog.models.studies import NegativesFrom as NegativesFrom
from catalog.models.studies import Prediction as Prediction
from catalog.models.studies import ReferencePage as ReferencePage
from catalog.models.studies import SettingsVersion as SettingsVersion
from catalog.models.studies import Synset as Synset
from catalog.models.studies import new_public_id as new_public_id
