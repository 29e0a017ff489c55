"""Errors and remarks for people: the message alone, and with the way out of the shell or of a page."""

import pickle

import pytest
from django.core.management.base import CommandError

from catalog.errors import Remark, UserError, as_command_errors, joined, reason_in
from catalog.reads import UnknownDataset

WAYS = {"shell": "./manage import labels makes one.", "page": "The page Labels makes one."}


@pytest.mark.parametrize("kind", [UserError, Remark, UnknownDataset])
def test_the_message_stands_alone_and_each_reader_gets_one_way_out(kind):
    remark = kind("There is no label set 'x'.", **WAYS)
    assert str(remark) == "There is no label set 'x'."
    assert remark.for_shell == "There is no label set 'x'. ./manage import labels makes one."
    assert remark.for_page == "There is no label set 'x'. The page Labels makes one."


@pytest.mark.parametrize("kind", [UserError, Remark])
def test_without_a_way_out_the_message_is_all_that_is_said(kind):
    remark = kind("Nothing was opened.", page="Choose others.")
    assert (remark.for_shell, remark.for_page) == ("Nothing was opened.", "Nothing was opened. Choose others.")


def test_after_a_list_of_lines_the_way_out_has_a_line_of_its_own():
    assert UserError("pairs.csv:\nline 2: unknown", shell="Look.").for_shell == "pairs.csv:\nline 2: unknown\nLook."


def test_an_error_without_words_is_its_way_out_alone():
    assert UserError(page="Sign in.").for_page == "Sign in."
    assert UserError().for_page == ""


def test_of_several_the_messages_come_first_and_each_way_out_once():
    error = UserError("b", shell="Do x.", page="See y.")
    remark = joined([Remark("a", shell="Do x."), error, Remark("c", shell="Do z.")], "; ")
    assert (remark.message, remark.for_shell, remark.for_page) == ("a; b; c", "a; b; c Do x. Do z.", "a; b; c See y.")


def test_commands_print_the_way_out_of_the_shell_and_keep_the_cause():
    with pytest.raises(CommandError) as raised, as_command_errors():
        raise UnknownDataset("There is none.", **WAYS)
    assert str(raised.value) == "There is none. ./manage import labels makes one."
    assert isinstance(raised.value.__cause__, UnknownDataset)


@pytest.mark.parametrize("fault", [ValueError, LookupError, ZeroDivisionError])
def test_a_fault_of_ours_keeps_its_own_class_and_traceback(fault):
    with pytest.raises(fault), as_command_errors():
        raise fault("by nought")


def test_an_error_of_another_process_arrives_with_its_ways_out():
    error = pickle.loads(pickle.dumps(UnknownDataset("There is none.", **WAYS)))
    assert type(error) is UnknownDataset
    assert (str(error), error.for_page) == ("There is none.", "There is none. The page Labels makes one.")


def test_an_error_of_a_library_never_shows_the_name_of_its_class():
    assert reason_in(EOFError("it ends early")) == "it ends early"
    assert reason_in(MemoryError()) == "cause unknown"
