"""Expressions of the Cloud API, evaluated: every named value once, arguments before the call."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from . import algorithms, registry  # noqa: F401  (algorithms register themselves)
from .errors import EarthEngineError


class Scope:
    """Arguments of one call of a function, with the values that depend on them."""

    def __init__(self, arguments=None, parent=None):
        self.arguments = arguments or {}
        self.parent = parent
        self.values = {}

    def argument(self, name):
        scope = self
        while scope is not None:
            if name in scope.arguments:
                return scope.arguments[name]
            scope = scope.parent
        raise EarthEngineError(f"Unbound argument reference: '{name}'.")

    def innermost(self, names):
        """The scope that binds the last of some names; the outermost if none does."""
        scope = self
        while scope.parent is not None and names.isdisjoint(scope.arguments):
            scope = scope.parent
        return scope


@dataclass(frozen=True)
class Function:
    """A function that the client wrote, in the scope in which it stands."""

    names: tuple[str, ...]
    body: str
    scope: Scope
    interpreter: Interpreter

    def __call__(self, *arguments):
        return self.interpreter.named(self.body, self._scope(dict(zip(self.names, arguments, strict=False))))

    def apply(self, arguments):
        """Result for arguments by name."""
        return self.interpreter.named(self.body, self._scope(arguments))

    def _scope(self, arguments):
        missing = [name for name in self.names if name not in arguments]
        if missing:
            raise EarthEngineError(f"A mapped algorithm takes more arguments: {', '.join(missing)}.")
        return Scope(arguments, self.scope)


class Interpreter:
    """Evaluates one expression.

    Parameters
    ----------
    expression : dict
        With `result` and `values`.
    archive : Archive
        Which images exist.
    work : Work
        Where the size of the computation is kept.
    """

    def __init__(self, expression, archive, work):
        if not isinstance(expression, dict) or "result" not in expression or "values" not in expression:
            raise EarthEngineError("Invalid JSON payload received. An expression has 'result' and 'values'.")
        self._nodes = expression["values"]
        self._result = expression["result"]
        self._archive = archive
        self._work = work
        self._free = {}

    def result(self):
        """The expression's value."""
        return self.named(self._result, Scope())

    def named(self, name, scope):
        """A named value, computed once for the arguments that it depends on."""
        if name not in self._nodes:
            raise EarthEngineError(f"Reference to undefined value: '{name}'.")
        scope = scope.innermost(self._free_names(name))
        if name not in scope.values:
            scope.values[name] = self.value(self._nodes[name], scope)
        return scope.values[name]

    def value(self, node, scope):
        """Value of a node in a scope."""
        kind = next((kind for kind in node if kind in _KINDS), None)
        if kind is None:
            raise EarthEngineError(f"Malformed value: a node with {sorted(node)}.")
        return _KINDS[kind](self, node[kind], scope)

    def _constant(self, value, scope):
        return value

    def _integer(self, value, scope):
        return int(value)

    def _bytes(self, value, scope):
        return base64.b64decode(value)

    def _array(self, value, scope):
        return [self.value(node, scope) for node in value.get("values", [])]

    def _dictionary(self, value, scope):
        return {key: self.value(node, scope) for key, node in value.get("values", {}).items()}

    def _argument(self, value, scope):
        return scope.argument(value)

    def _reference(self, value, scope):
        return self.named(value, scope)

    def _definition(self, value, scope):
        return Function(tuple(value.get("argumentNames", ())), value["body"], scope, self)

    def _invocation(self, value, scope):
        nodes = value.get("arguments", {})
        if value.get("functionName") == "If":
            return self._if(nodes, scope)
        # A loop, as a comprehension would take another frame of Python's stack at every level.
        arguments = {}
        for key, node in nodes.items():
            arguments[key] = self.value(node, scope)
        if "functionName" in value:
            return registry.apply(value["functionName"], arguments, self._archive, self._work)
        function = self.named(value["functionReference"], scope)
        if not hasattr(function, "apply"):
            raise EarthEngineError("functionReference does not refer to a function.")
        return function.apply(arguments)

    def _if(self, nodes, scope):
        """`If` computes only the case that holds."""
        unknown = set(nodes) - {"condition", "trueCase", "falseCase"}
        if unknown:
            raise EarthEngineError(f"If: Unrecognized argument name '{min(unknown)}'.")
        condition = self.value(nodes["condition"], scope) if "condition" in nodes else None
        chosen = "trueCase" if condition else "falseCase"
        return self.value(nodes[chosen], scope) if chosen in nodes else None

    def _free_names(self, name):
        """Arguments that a named value depends on and does not bind itself."""
        if name not in self._free:
            self._free[name] = frozenset()  # in case of a circle
            self._free[name] = frozenset(self._free_in(self._nodes.get(name, {})))
        return self._free[name]

    def _free_in(self, node):
        if "argumentReference" in node:
            return {node["argumentReference"]}
        if "valueReference" in node:
            return self._free_names(node["valueReference"])
        if "functionDefinitionValue" in node:
            function = node["functionDefinitionValue"]
            return self._free_names(function["body"]) - set(function.get("argumentNames", ()))
        names = set()
        for child in _children(node):
            names |= self._free_in(child)
        call = node.get("functionInvocationValue", {})
        if "functionReference" in call:
            names |= self._free_names(call["functionReference"])
        return names


def _children(node):
    if "arrayValue" in node:
        return node["arrayValue"].get("values", [])
    if "dictionaryValue" in node:
        return node["dictionaryValue"].get("values", {}).values()
    return node.get("functionInvocationValue", {}).get("arguments", {}).values()


_KINDS = {
    "constantValue": Interpreter._constant,
    "integerValue": Interpreter._integer,
    "bytesValue": Interpreter._bytes,
    "arrayValue": Interpreter._array,
    "dictionaryValue": Interpreter._dictionary,
    "argumentReference": Interpreter._argument,
    "valueReference": Interpreter._reference,
    "functionDefinitionValue": Interpreter._definition,
    "functionInvocationValue": Interpreter._invocation,
}
