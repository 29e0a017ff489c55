"""The command line: our own commands come first, and usage lines say ./manage."""

import sys
from pathlib import Path
from textwrap import shorten
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management import BaseCommand, CommandParser, ManagementUtility, get_commands, load_command_class

from access.texts.reads import is_text
from annotation_site.management.tables import ensure_tables

LONGEST_LINE = 95
# Makes the tables itself.
WITHOUT_TABLES = {"prepare", "extract_texts", "build_hierarchy"}


class CommandLine(ManagementUtility):
    """Django's command line, with our commands first and a line on each."""

    def __init__(self, words: list[str]) -> None:
        super().__init__(words)
        self.prog_name = words[0]

    def execute(self) -> None:
        for word in self.argv[1:]:
            if not is_text(word):
                # Bytes that are no UTF-8 are halves of characters here. No catalog is loaded yet.
                sys.exit(
                    f"stopped: {ascii(word)} contains control characters, or is not UTF-8. Nothing was changed. "
                    "Write it again, or rename the file."
                )
        super().execute()

    def main_help_text(self, commands_only: bool = False) -> str:
        commands = get_commands()
        if commands_only:
            return super().main_help_text(commands_only)
        ours = {name: app for name, app in sorted(commands.items()) if app in rooms()}
        width = max(map(len, ours))
        helps = {name: load_command_class(app, name).help for name, app in ours.items()}
        lines = [f"  {name:{width}}  {first_sentence(text)}" for name, text in helps.items()]
        django_commands = ", ".join(sorted(commands.keys() - ours.keys()))
        return "\n".join(
            [f"Usage: {self.prog_name} COMMAND. Details: {self.prog_name} help COMMAND", "", *lines, ""]
            + [f"Commands of Django: {django_commands}."]
        )

    def fetch_command(self, subcommand: str) -> BaseCommand:
        command = super().fetch_command(subcommand)
        add_arguments, execute = command.add_arguments, command.execute

        def add_arguments_and_name(parser: CommandParser) -> None:
            # Django puts the last part of a path here, and the parsers of subcommands copy it.
            parser.prog = f"{self.prog_name} {subcommand}"
            add_arguments(parser)

        def execute_with_tables(*args: Any, **options: Any) -> str | None:
            ensure_tables()
            return execute(*args, **options)

        # Of this one object, not of its class.
        setattr(command, "add_arguments", add_arguments_and_name)  # noqa: B010
        if get_commands().get(subcommand) in rooms() and subcommand not in WITHOUT_TABLES:
            setattr(command, "execute", execute_with_tables)  # noqa: B010
        return command


def rooms() -> set[str]:
    """Return the names of the applications that belong to this project."""
    return {config.name for config in apps.get_app_configs() if Path(config.path).parent == settings.BASE_DIR}


def first_sentence(text: str) -> str:
    """
    >>> first_sentence("Load a file (.csv or .csv.gz). Then rest.")
    'Load a file (.csv or .csv.gz)'
    """
    return shorten(text.partition(". ")[0].rstrip("."), LONGEST_LINE, placeholder=" …")
