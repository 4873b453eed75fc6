"""Strings."""

from __future__ import annotations

import json
import re

from ..registry import algorithm


@algorithm("String")
def string(input):
    return input if isinstance(input, str) else json.dumps(input)


@algorithm("String.cat")
def string_cat(string1, string2):
    return string1 + string2


@algorithm("String.length")
def string_length(string):
    return len(string)


@algorithm("String.equals")
def string_equals(reference, target):
    return reference == target


@algorithm("String.index")
def string_index(target, pattern):
    return target.find(pattern)


@algorithm("String.rindex")
def string_rindex(target, pattern):
    return target.rfind(pattern)


@algorithm("String.slice")
def string_slice(string, start, end):
    return string[start:end]


@algorithm("String.toLowerCase")
def string_to_lower_case(string):
    return string.lower()


@algorithm("String.toUpperCase")
def string_to_upper_case(string):
    return string.upper()


@algorithm("String.trim")
def string_trim(string):
    return string.strip()


@algorithm("String.split")
def string_split(string, regex, flags):
    return re.split(regex, string)


@algorithm("String.replace")
def string_replace(input, regex, replacement, flags):
    """The first match, or all with the flag g."""
    return re.sub(regex, replacement.replace("$", "\\"), input, count=0 if "g" in flags else 1)


@algorithm("String.match")
def string_match(input, regex, flags):
    match = re.search(regex, input)
    return [match[0], *match.groups()] if match else []
