from tests.faults.predicting import calm as calm
from tests.faults.predicting import dataset as dataset
