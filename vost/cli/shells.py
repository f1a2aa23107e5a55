"""What asyncclick says to shells, with what paths like ``main:dir/`` need besides.

Importing this module registers it.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, ClassVar

from asyncclick.shell_completion import (
    BashComplete,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    split_arg_string,
)

if TYPE_CHECKING:
    from asyncclick.shell_completion import CompletionItem

# Bash splits words at colons: what it takes for the current word is the end of ours at most.
_BASH = r"""# bash completion for vost: eval "$(vost completion bash)"
%(complete_func)s() {
    local response completion type value
    response=$(env COMP_LINE="${COMP_LINE:0:$COMP_POINT}" COMP_CURRENT="$2" \
%(complete_var)s=bash_complete "$1" 2>/dev/null)
    COMPREPLY=()
    while IFS= read -r completion; do
        type=${completion%%%%,*}
        value=${completion#*,}
        if [[ $type == plain ]]; then
            COMPREPLY+=("$value")
            if [[ $value == */ || $value == *: ]]; then
                compopt -o nospace
            fi
        elif [[ $type == dir ]]; then
            compopt -o dirnames
        elif [[ $type == file && ${#COMPREPLY[@]} -eq 0 ]]; then
            compopt -o default
        elif [[ $type == file ]]; then
            while IFS= read -r value; do
                if [[ -d $value ]]; then
                    value+=/
                    compopt -o nospace
                fi
                COMPREPLY+=("$(printf %%q "$value")")
            done < <(compgen -f -- "$2")
        fi
    done <<< "$response"
    return 0
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""

_SPECIAL = re.compile(r"([^\w@%+=:,./-])")
_MARK = "\x01"
"""Stands where the cursor is, so that a blank before it is seen."""


@add_completion_class
class VostBashComplete(BashComplete):
    """Completion for bash, with words that contain colons."""

    source_template: ClassVar[str] = _BASH

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self._typed = ""
        self._replaced = ""

    @staticmethod
    def _check_version() -> None:
        """Ask nothing: the script may be for another machine."""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the one that is completed, and that one."""
        words = split_arg_string(os.environ["COMP_LINE"] + _MARK)
        while "=" in words[0]:  # variables for the command
            del words[0]
        self._typed = words[-1].removesuffix(_MARK)
        current = split_arg_string(os.environ.get("COMP_CURRENT", self._typed) + _MARK)
        self._replaced = current[-1].removesuffix(_MARK)
        return words[1:-1], self._typed

    def format_completion(self, item: CompletionItem[str]) -> str:
        """Return the part of a value that takes the place of what bash calls the current word."""
        value = item.value
        if item.type == "plain":
            kept = len(self._typed) - len(self._replaced)
            if self._typed.startswith("--") and "=" in self._typed:
                kept -= self._typed.index("=") + 1
            value = value[max(kept, 0) :]
            if not _ends_in_quotes(os.environ["COMP_LINE"]):
                value = _SPECIAL.sub(r"\\\1", value)
        return f"{item.type},{value}"


class _WholeWords(ShellComplete):
    """For shells that replace all of ``--option=value``: the option stays in front of the value."""

    _option = ""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the one that is completed, and that one."""
        args, incomplete = super().get_completion_args()
        option, equals, _ = incomplete.partition("=")
        if equals and option.startswith("--") and "--" not in args:
            self._option = option + equals
        return args, incomplete

    def format_completion(self, item: CompletionItem[str]) -> str:
        """Return what takes the place of the word."""
        if item.type == "plain":
            item.value = self._option + item.value
        return super().format_completion(item)


@add_completion_class
class VostZshComplete(_WholeWords, ZshComplete):
    """Completion for zsh, without a blank behind what may go on."""

    source_template: ClassVar[str] = ZshComplete.source_template.replace(
        """    if [ -n "$completions" ]; then
        compadd -U -V unsorted -a completions
    fi
""",
        """    local -a whole parts
    whole=(${completions:#*[:/]})
    parts=(${(M)completions:#*[:/]})
    (( $#whole )) && compadd -U -V unsorted -a whole
    (( $#parts )) && compadd -U -S '' -V unsorted -a parts
""",
    )


@add_completion_class
class VostFishComplete(_WholeWords, FishComplete):
    """Completion for fish, with commas in names."""

    source_template: ClassVar[str] = FishComplete.source_template.replace(
        'string split ","', 'string split -m 1 ","'
    )


def _ends_in_quotes(line: str) -> bool:
    """Tell whether a command line breaks off inside of quotes."""
    quote, escaped = "", False
    for character in line:
        if escaped:
            escaped = False
        elif character == "\\" and quote != "'":
            escaped = True
        elif character == quote:
            quote = ""
        elif not quote and character in {"'", '"'}:
            quote = character
    return bool(quote)
