from tests.fixtures import file as file
from tests.fixtures import folder as folder
from tests.fixtures import media as media
from tests.fixtures import reader as reader
