"""Write docs/commands.md, or print it with --print, from the argument parsers of every command of ours.

Run it with the project's Python: `.venv/bin/python docs/commands.py`. The site and the marketplace are two Django
projects, so each of them describes its own commands in a process of its own.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "commands.md"
# The settings and the command line of each project.
PROJECTS = {
    "site": ("annotation_site.settings", "./manage"),
    "marketplace": ("marketplace.settings", "python -m marketplace"),
}
HEAD = """# Commands

<!-- Made by `docs/commands.py` from the commands' own parsers: change a text there, and run that script. -->

`./manage COMMAND` runs a command in the project's environment.
It starts Postgres and Valkey if they are not running, and it migrates a new database first.
`./manage help COMMAND` prints the same texts.
The [guide](guide.md) shows the commands of a study in their order.
"""
MARKETPLACE_HEAD = (
    "\n## Commands of the marketplace\n\nThese belong to [our own "
    "marketplace](../marketplace/README.md). `./run` starts it and calls them "
    "automatically.\nRun them with the project's Python, in the root of the checkout.\n"
)
LEVELS = {"site": "##", "marketplace": "###"}
# Options that Django gives to every command.
OF_DJANGO = {
    "help", "version", "verbosity", "settings", "pythonpath", "traceback", "no_color", "force_color", "skip_checks",
}  # fmt: skip


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--print", action="store_true", help="print the page instead of writing the file")
    parser.add_argument("--project", choices=PROJECTS, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.project:
        print("\n".join(section(options.project)))
    elif options.print:
        print(page(), end="")
    else:
        PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    """Return the whole page."""
    return HEAD + described_by("site") + MARKETPLACE_HEAD + described_by("marketplace")


def described_by(project: str) -> str:
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": PROJECTS[project][0], "PYTHONPATH": str(ROOT)}
    words = [sys.executable, __file__, "--project", project]
    return subprocess.run(words, env=environment, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def section(project: str) -> Iterator[str]:
    """Yield the lines about each command of a project, in the order of their names."""
    import django
    from django.core.management import get_commands, load_command_class

    django.setup()
    program = PROJECTS[project][1]
    ours = {name: str(app) for name, app in sorted(get_commands().items()) if (ROOT / str(app)).is_dir()}
    commands = {name: load_command_class(app, name) for name, app in ours.items()}
    yield from ("", "| command | purpose |", "|---|---|")
    yield from (
        f"| [`{name}`](#{anchor_of(project, name)}) | {sentence(command.help.split('. ')[0])} |"
        for name, command in commands.items()
    )
    for name, command in commands.items():
        parser = command.create_parser(program, name)
        title = f"marketplace {name}" if project == "marketplace" else name
        yield from lines_about(parser, f"{program} {name}", title, command.help, LEVELS[project])


def anchor_of(project: str, name: str) -> str:
    return f"marketplace-{name}" if project == "marketplace" else name


def lines_about(parser: argparse.ArgumentParser, words: str, name: str, description: str, level: str) -> Iterator[str]:
    """Yield heading, description, usage and options, then the same of each subcommand."""
    actions = [action for action in parser._actions if action.dest not in OF_DJANGO]
    subcommands = [action for action in actions if isinstance(action, argparse._SubParsersAction)]
    plain = [action for action in actions if action not in subcommands]
    usage = " ".join([words, *(["SUBCOMMAND"] if subcommands else []), *map(in_usage, plain)])
    yield from ("", f"{level} {name}", "", sentence(description), "", f"    {usage}")
    yield from table([(spelled(action), explained(parser, action)) for action in plain])
    for action in subcommands:
        helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
        for subcommand, subparser in action.choices.items():
            yield from lines_about(
                subparser, f"{words} {subcommand}", f"{name} {subcommand}", helps.get(subcommand, ""), level + "#"
            )


def table(rows: list[tuple[str, str]]) -> Iterator[str]:
    if rows:
        yield from ("", "| argument | meaning |", "|---|---|")
        yield from (f"| {name} | {meaning} |" for name, meaning in rows)


def in_usage(action: argparse.Action) -> str:
    """Return an argument as a usage line has it."""
    text = f"{action.option_strings[-1]} {value_of(action)}".strip() if action.option_strings else value_of(action)
    optional = not action.required if action.option_strings else action.nargs in ("?", "*")
    return f"[{text}]" if optional else text


def value_of(action: argparse.Action) -> str:
    """Return the word for an argument's value, blank for a switch."""
    if action.nargs == 0:
        return ""
    choices = "|".join(map(str, action.choices)) if action.choices and not action.metavar else ""
    word = str(action.metavar or choices or (action.dest.upper() if action.option_strings else action.dest))
    return f"{word} …" if action.nargs in ("+", "*") else word


def spelled(action: argparse.Action) -> str:
    """Return an argument with all its spellings, as code."""
    names = ", ".join(action.option_strings)
    return "`" + f"{names} {value_of(action)}".strip().replace("|", "\\|") + "`"


def explained(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    text = parser._get_formatter()._expand_help(action) if action.help else ""
    needed = "required" if action.option_strings and action.required else ""
    return "; ".join(filter(None, [plain(text), needed])).replace("|", "\\|")


def sentence(text: str) -> str:
    """Return a description that begins with a capital and ends with a full stop."""
    text = plain(text)
    return f"{text[:1].upper()}{text[1:].rstrip('.')}." if text else ""


def plain(text: str) -> str:
    """Return a text on one line, with paths as they are in any checkout."""
    return " ".join(text.split()).replace(f"{ROOT}/", "")


if __name__ == "__main__":
    main(sys.argv[1:])
