"""Lists and dictionaries."""

from __future__ import annotations

import re

import numpy as np

from ..errors import EarthEngineError
from ..reducers import run
from ..registry import algorithm


@algorithm("List.map")
def list_map(list, baseAlgorithm, dropNulls):
    mapped = [baseAlgorithm(element) for element in list]
    return [element for element in mapped if element is not None] if dropNulls else mapped


@algorithm("List.iterate")
def list_iterate(list, function, first):
    result = first
    for element in list:
        result = function(element, result)
    return result


@algorithm("List.sequence")
def list_sequence(start, end, step, count):
    """From start to end, end included, or so many numbers."""
    if count is not None and end is not None:
        step = (end - start) / max(count - 1, 1)
    elif count is None and end is None:
        raise EarthEngineError("List.sequence: Either end or count is required.")
    number = count if count is not None else int(np.floor((end - start) / step + 1e-9)) + 1
    values = [start + position * step for position in range(number)]
    whole = all(float(value).is_integer() for value in values)
    return [int(value) for value in values] if whole else values


@algorithm("List.get", "List.getNumber", "List.getString", "List.getGeometry")
def list_get(list, index):
    if not -len(list) <= index < len(list):
        raise EarthEngineError(
            f"List.get: List index must be between 0 and {len(list) - 1}, or between "
            f"{-len(list)} and -1. Found {index}."
        )
    return list[index]


@algorithm("List.size", "List.length")
def list_size(list):
    return len(list)


@algorithm("List.add")
def list_add(list, element):
    return [*list, element]


@algorithm("List.cat")
def list_cat(list, other):
    return [*list, *other]


@algorithm("List.contains")
def list_contains(list, element):
    return element in list


@algorithm("List.containsAll")
def list_contains_all(list, other):
    return all(element in list for element in other)


@algorithm("List.equals")
def list_equals(list, other):
    return list == other


@algorithm("List.indexOf")
def list_index_of(list, element):
    return list.index(element) if element in list else -1


@algorithm("List.slice")
def list_slice(list, start, end, step):
    return list[start:end:step]


@algorithm("List.reverse")
def list_reverse(list):
    return list[::-1]


@algorithm("List.sort")
def list_sort(list):
    return sorted(list)


@algorithm("List.distinct")
def list_distinct(list):
    return [element for position, element in enumerate(list) if element not in list[:position]]


@algorithm("List.repeat")
def list_repeat(value, count):
    return [value] * count


@algorithm("List.remove")
def list_remove(list, element):
    position = list_index_of(list, element)
    return list if position < 0 else list[:position] + list[position + 1 :]


@algorithm("List.removeAll")
def list_remove_all(list, other):
    return [element for element in list if element not in other]


@algorithm("List.set")
def list_set(list, index, element):
    changed = list.copy()
    changed[index] = element
    return changed


@algorithm("List.insert")
def list_insert(list, index, element):
    return [*list[:index], element, *list[index:]]


@algorithm("List.join")
def list_join(list, separator):
    return separator.join(str(element) for element in list)


@algorithm("List.flatten")
def list_flatten(list):
    flat = []
    for element in list:
        flat += list_flatten(element) if _is_list(element) else [element]
    return flat


@algorithm("List.zip")
def list_zip(list, other):
    return [[first, second] for first, second in zip(list, other, strict=False)]


@algorithm("List.unzip")
def list_unzip(list):
    return [[*column] for column in zip(*list, strict=True)]


@algorithm("List.reduce")
def list_reduce(list, reducer):
    values = np.array([[np.nan if element is None else element] for element in list] or [[np.nan]], float)
    ((result, known),) = run(reducer, [(np.nan_to_num(values), ~np.isnan(values))])
    return result[0].item() if known[0] else None


@algorithm("Dictionary")
def dictionary(input):
    if _is_list(input):
        return dict(zip(input[::2], input[1::2], strict=True))
    return dict(input or {})


@algorithm("Dictionary.fromLists")
def dictionary_from_lists(keys, values):
    return dict(zip(keys, values, strict=True))


@algorithm("Dictionary.get")
def dictionary_get(dictionary, key, defaultValue):
    if key not in dictionary and defaultValue is None:
        raise EarthEngineError(f"Dictionary.get: Dictionary does not contain key: '{key}'.")
    return dictionary.get(key, defaultValue)


@algorithm("Dictionary.getNumber", "Dictionary.getString", "Dictionary.getGeometry")
def dictionary_get_of_type(dictionary, key):
    return dictionary_get(dictionary, key, None)


@algorithm("Dictionary.set")
def dictionary_set(dictionary, key, value):
    return {**dictionary, key: value}


@algorithm("Dictionary.combine")
def dictionary_combine(first, second, overwrite):
    return {**first, **second} if overwrite else {**second, **first}


@algorithm("Dictionary.contains")
def dictionary_contains(dictionary, key):
    return key in dictionary


@algorithm("Dictionary.keys")
def dictionary_keys(dictionary):
    return sorted(dictionary)


@algorithm("Dictionary.values")
def dictionary_values(dictionary, keys):
    return [dictionary[key] for key in keys or sorted(dictionary)]


@algorithm("Dictionary.size")
def dictionary_size(dictionary):
    return len(dictionary)


@algorithm("Dictionary.map")
def dictionary_map(dictionary, baseAlgorithm):
    return {key: baseAlgorithm(key, value) for key, value in dictionary.items()}


@algorithm("Dictionary.select")
def dictionary_select(dictionary, selectors, ignoreMissing):
    chosen = {}
    for selector in selectors:
        found = {key: value for key, value in dictionary.items() if re.fullmatch(selector, key)}
        if not found and not ignoreMissing:
            raise EarthEngineError(f"Dictionary.select: No match found for selector '{selector}'.")
        chosen |= found
    return chosen


@algorithm("Dictionary.rename")
def dictionary_rename(dictionary, from_, to):
    names = dict(zip(from_, to, strict=True))
    return {names.get(key, key): value for key, value in dictionary.items()}


def _is_list(value):
    return isinstance(value, type([]))
