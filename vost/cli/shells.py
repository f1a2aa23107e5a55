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
)

if TYPE_CHECKING:
    from asyncclick.shell_completion import CompletionItem

# Bash splits words at colons: what it takes for the current word is the end of ours at most.
_BASH = r"""# bash completion for vost: eval "$(vost completion bash)"
%(complete_func)s() {
    local response completion type value quote
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
            quote=$value
            while IFS= read -r value; do
                if [[ -d $value ]]; then
                    value+=/
                    compopt -o nospace
                fi
                case $quote in
                    \') value=${value//\'/\'\\\'\'} ;;
                    \") value=${value//\\/\\\\}
                        value=${value//\$/\\\$}
                        value=${value//\`/\\\`}
                        value=${value//\"/\\\"}
                        value=${value//!/\"\\!\"} ;;
                    *) printf -v value %%q "$value" ;;
                esac
                COMPREPLY+=("$value")
            done < <(compgen -f -- "$2")
        fi
    done <<< "$response"
    return 0
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""

_SPECIAL = re.compile(r"([^\w@%+=:,./-])")


@add_completion_class
class VostBashComplete(BashComplete):
    """Completion for bash, with words that contain colons."""

    source_template: ClassVar[str] = _BASH

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self._typed = ""
        self._replaced = ""
        self._quote = ""

    @staticmethod
    def _check_version() -> None:
        """Ask nothing: the script may be for another machine."""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the one that is completed, and that one."""
        words, self._quote = _split(os.environ["COMP_LINE"])
        while "=" in words[0]:  # variables for the command
            del words[0]
        self._typed = words[-1]
        # What bash calls the current word begins behind the quote that is open.
        current, _ = _split(self._quote + os.environ["COMP_CURRENT"])
        self._replaced = current[-1]
        return words[1:-1], self._typed

    def format_completion(self, item: CompletionItem[str]) -> str:
        """Return the part of a value that takes the place of what bash calls the current word."""
        value = item.value
        if item.type == "plain":
            option, equals, _ = self._typed.partition("=")
            if equals and option.startswith("--"):
                value = option + equals + value
            value = _quoted(value[len(self._typed) - len(self._replaced) :], self._quote)
        elif item.type == "file":
            value = self._quote  # the script looks for files itself
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
    ).replace("echo $metadata[2]", r'printf "%%s\n" $metadata[2]')  # which may be "-n"


def _quoted(value: str, quote: str) -> str:
    """Return a value as bash reads it behind a quote that is open: no name may run anything."""
    if quote == "'":
        return value.replace("'", "'\\''")
    if quote == '"':
        # Between double quotes nothing keeps bash from replacing a "!".
        return re.sub(r'([\\$`"])', r"\\\1", value).replace("!", '"\\!"')
    return _SPECIAL.sub(r"\\\1", value)


def _split(line: str) -> tuple[list[str], str]:
    """Return the words of a command line, as bash reads them, and the quote that is still open.

    The last word is where the cursor is; it may be empty.
    """
    words, quote, escaped, begun = [""], "", False, False
    for character in line:
        if not quote and not escaped and character.isspace():
            words += [""] if begun else []
            begun = False
            continue
        begun = True
        if escaped:
            is_escape = quote != '"' or character in '\\$`"'
            words[-1] += character if is_escape else f"\\{character}"
            escaped = False
        elif character == "\\" and quote != "'":
            escaped = True
        elif character == quote:
            quote = ""
        elif not quote and character in "'\"":
            quote = character
        else:
            words[-1] += character
    return words, quote
