"""A clone's `select_model` called as its own script calls it."""

from __future__ import annotations

import argparse
import ast
import contextlib
import importlib
import importlib.util
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar
from urllib.error import URLError

import torch
from torch import Tensor, nn

from esr.base.errors import UserError
from esr.submissions.clone.clone_files import CloneFacts, relative
from esr.submissions.clone.control_flow import constants, functions
from esr.submissions.clone.find_select_model import SelectModel, find_select_model
from esr.submissions.clone.model_ids import read_ids
from esr.submissions.clone.needed_source import needed
from esr.submissions.clone_session.absent_packages import AbsentPackages
from esr.submissions.clone_session.clone_calls import (
    NETWORK,
    ForwardCall,
    Selected,
    arguments_of,
    checked,
    forward_call,
    script_arguments,
)
from esr.submissions.clone_session.clone_world import forget, in_place, modules_in, world_of
from esr.submissions.clone_session.cuda_on_cpu import Redirection, is_needed
from esr.submissions.clone_session.safe_load import AbsentCheckpoint, Enter, SafeLoad, absent
from esr.submissions.submission import (
    CHECKPOINT_SUFFIXES,
    FOLDER_CALL,
    MAIN,
    SCRIPT,
    SELECT,
    CloneSubmission,
    FolderCall,
)

T = TypeVar("T")


class Session:
    """One submission of a clone, while it is measured.

    Args:
        submission: lies in a private copy of the clone, in which it may write.
        enter: told which stage begins.
        trusted: whether its checkpoints may run code.
    """

    def __init__(self, submission: CloneSubmission, enter: Enter, *, trusted: bool) -> None:
        self._number, self._enter = submission.model_id, enter
        self._name = submission.name or submission.label
        self.folder_call = submission.folder_call
        self._mirror = submission.clone.resolve()
        self._came = _files_in(self._mirror)
        self._redirection = Redirection() if is_needed() else None
        note = self._redirection.note if self._redirection else None
        self._gate = SafeLoad(trusted, enter, note)
        self._absent = AbsentPackages()
        self._stack = contextlib.ExitStack()

    @contextlib.contextmanager
    def opened(self) -> Iterator[Session]:
        """Put our functions in the place of PyTorch's for as long as the clone is at work."""
        with self._stack:
            self._stack.enter_context(in_place(self._gate.patches()))
            if self._redirection:
                self._stack.enter_context(in_place(self._redirection.patches()))
            yield self

    def select(self, device: torch.device) -> Selected:
        """Run the clone's `select_model`.

        Raises:
            UserError: it lacks a package or a checkpoint, or returns something else.
        """
        self._enter("import")
        self._stack.enter_context(world_of(self._mirror))
        source = importlib.util.decode_source((self._mirror / SCRIPT).read_bytes())
        tree = ast.parse(source)
        chooser = find_select_model(self._mirror)
        assert chooser is not None, "the parent starts no job without it"
        known = read_ids(chooser.tree, chooser.function, constants(chooser.tree))
        number = known.given.get(self._number, self._number)
        call = forward_call(tree, number)
        arguments = script_arguments(tree, number)
        roots = {SELECT} | (call.functions if call else set())
        needed_tree = needed(source, tree, roots)
        mode = self._redirection.mode() if self._redirection else contextlib.nullcontext()
        with mode, self._missing_named():
            selected = self._without_absent(
                lambda: self._select(
                    needed_tree, chooser, call, arguments, torch.device(device.type)
                )
            )
        forward = [functions(tree)[name] for name in roots & functions(tree).keys() - {SELECT}]
        if self._redirection and any(map(_names_cuda, [*forward, *self._trees()])):
            self._stack.enter_context(self._redirection.mode())
        self._selected = selected
        return selected

    def folder_function(self, call: FolderCall) -> Callable[..., object]:
        """Import the function of a submission that reads a folder of images and writes one.

        Raises:
            UserError: it lacks a package, or there is no such function.
        """
        self._enter("import")
        self._stack.enter_context(world_of(self._mirror))
        mode = self._redirection.mode() if self._redirection else contextlib.nullcontext()
        with mode, self._missing_named():
            module = self._without_absent(lambda: importlib.import_module(call.module))
        function: Callable[..., object] | None = getattr(module, MAIN, None)
        if function is None or not callable(function):
            raise UserError(f"{call.module} has no function {MAIN}")
        if self._redirection:
            self._stack.enter_context(self._redirection.mode())
        self._selected = Selected(nn.Identity(), self._name, 1.0, None, call=FOLDER_CALL)
        return function

    def _without_absent(self, select: Callable[[], T]) -> T:
        """Begin again when an import fails, with something in the place of what is not installed.

        Not at once: the clone's code may well be prepared for a package that is absent.
        """
        self._stack.enter_context(self._absent.importable())
        while True:
            try:
                return select()
            except ModuleNotFoundError as error:
                if _is_of_clone(error.name or "", self._mirror) or not self._absent.add(error):
                    raise
                forget(self._mirror)

    def _select(
        self,
        script: ast.Module,
        chooser: SelectModel,
        call: ForwardCall | None,
        arguments: argparse.Namespace,
        device: torch.device,
    ) -> Selected:
        module = ModuleType("test_demo")
        module.__file__ = str(self._mirror / SCRIPT)
        exec(compile(script, module.__file__, "exec"), vars(module))
        self._enter("build")
        given = arguments_of(chooser.function, arguments, device)
        selected = checked(getattr(module, SELECT)(*given))
        selected.network.eval()
        for parameter in selected.network.parameters():
            parameter.requires_grad = False
        selected.network.to(device)
        if call is None:
            return selected
        names = {**call.names, "args": arguments, "device": device}
        forward = _forward(call, selected, {**vars(module), **names})
        call_text = ast.unparse(call.call)
        return replace(selected, forward=forward, call=call_text, not_done=call.further)

    @contextlib.contextmanager
    def _missing_named(self) -> Iterator[None]:
        try:
            yield
        except ModuleNotFoundError as error:
            self._enter("import")
            raise _missing(error.name or str(error), self._mirror) from error
        except ImportError:
            self._enter("import")
            raise
        except URLError as error:
            self._enter("load")
            what = f"wants to download what cannot be had here ({error.reason})"
            raise UserError(
                what, remedy="put its checkpoint into model_zoo/ of the clone"
            ) from error
        except AbsentCheckpoint:
            raise
        except FileNotFoundError as error:
            if not str(error.filename).endswith(CHECKPOINT_SUFFIXES):
                raise
            self._enter("load")
            raise absent(str(error.filename)) from error

    def _trees(self) -> Iterator[ast.Module]:
        for file in modules_in(self._mirror):
            with contextlib.suppress(OSError, SyntaxError, ValueError):
                yield ast.parse(Path(file).read_bytes())

    def facts(self) -> CloneFacts:
        """Say what the clone has said and used so far."""
        chosen = self._selected
        return CloneFacts(
            name=chosen.name,
            data_range=chosen.data_range,
            tile=chosen.tile,
            forward=chosen.call,
            modules=self._relative(modules_in(self._mirror)),
            checkpoints=self._relative(self._gate.files),
            trusted=self._gate.trusted,
            not_done=chosen.not_done,
            redirected=dict(self._redirection.counts) if self._redirection else {},
            absent=tuple(sorted(self._absent.names)),
            stand_ins=tuple(sorted(self._absent.stand_ins)),
        )

    def _relative(self, files: Iterable[str | Path]) -> tuple[str, ...]:
        # What it has compiled or written itself is no file of the clone.
        names = (relative(file, self._mirror) for file in files)
        return tuple(sorted({name for name in names if name in self._came}))


def _files_in(folder: Path) -> frozenset[str]:
    names = (relative(Path(where, name), folder) for where, _, of in os.walk(folder) for name in of)
    return frozenset(filter(None, names))


def _forward(
    call: ForwardCall, selected: Selected, names: dict[str, Any]
) -> Callable[[Tensor], Tensor]:
    names |= {NETWORK: selected.network, "tile": selected.tile, "data_range": selected.data_range}
    image = ast.arguments([], [ast.arg(call.image)], None, [], [], None, [])
    source = ast.fix_missing_locations(ast.Expression(ast.Lambda(image, call.call)))
    forward: Callable[[Tensor], Tensor] = eval(compile(source, SCRIPT, "eval"), names)
    return forward


def _missing(name: str, mirror: Path) -> UserError:
    package = name.partition(".")[0]
    if _is_of_clone(name, mirror):
        return UserError(f"the module {name} is not in the clone")
    if package != name and importlib.util.find_spec(package) is not None:
        return UserError(f"needs {name}, which the installed {package} does not have")
    return UserError(f"needs the package {package}, which is not installed")


def _is_of_clone(name: str, mirror: Path) -> bool:
    package = name.partition(".")[0]
    return (mirror / package).exists() or (mirror / f"{package}.py").exists()


def _names_cuda(tree: ast.AST) -> bool:
    return any(
        "cuda" in str(getattr(node, field, ""))
        for node in ast.walk(tree)
        for field in ("attr", "id", "value", "name", "module")
    )
