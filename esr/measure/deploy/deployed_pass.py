"""The same network in every way of `--deploy`: its SR images, and its steady time.

It comes when everything else has been said, so it can change no other figure. The network as it is
comes first, for comparison: the same clock, in the same process, at the same time. Only the first
data set is restored.
"""

from __future__ import annotations

import gc

import numpy as np
import torch
from torch import nn

from esr.measure.bench import Bench
from esr.measure.channel import Channel
from esr.measure.deploy.compiled_network import CompiledGraphs, forget_compiled
from esr.measure.deploy.transformations import TRANSFORMATIONS
from esr.measure.deploy.why_not import explain
from esr.measure.device import backend
from esr.measure.job import DeployedFolder, Job, JobFolder
from esr.measure.network_snapshot import preserved
from esr.measure.steady_pass import steady_pass
from esr.records.conditions import SteadyPlan
from esr.records.timing_samples import DeployedRuntime

_PRECISION_PERCENT = 1.0
"""On a device that has none of its own."""


def deploy(bench: Bench, network: nn.Module, job: Job, folder: JobFolder, channel: Channel) -> None:
    """Transform, restore and time the network in every way that was asked for, and tell the parent.

    Args:
        bench: calls the network.
        network: as the submission has built it; it is given back as it was.
        job: says the combinations of words.
        folder: LR images, and where SR images go.
        channel: to the parent, which has the measurement.
    """
    passes, device = job.passes, backend(bench.device)
    percent = passes.precision_percent or device.precision_percent or _PRECISION_PERCENT
    plan = SteadyPlan(percent, passes.budget_s, passes.seed)
    for number, words in enumerate(passes.ways):
        channel.say("deploy", number)
        place = DeployedFolder(folder.path, number)
        runtime = _deploy_once(bench, network, words, place, channel, job.splits[0].count, plan)
        channel.say("deployed", runtime)


def _deploy_once(
    bench: Bench,
    network: nn.Module,
    words: tuple[str, ...],
    folder: DeployedFolder,
    channel: Channel,
    count: int,
    plan: SteadyPlan,
) -> DeployedRuntime:
    for word in words:
        if bench.device.type not in TRANSFORMATIONS[word].devices:
            needed = " or ".join(TRANSFORMATIONS[word].devices).upper()
            return DeployedRuntime(words, problem=f"{word} needs {needed}")
    graphs = CompiledGraphs()
    try:
        with torch.no_grad(), preserved(network):
            for word in words:
                TRANSFORMATIONS[word].apply(network, graphs)
            for index in range(count):
                lr = bench.load(np.load(folder.lr_image(0, index)))
                bench.save(bench.forward(lr), lr, folder.sr_image(0, index))
            steady = steady_pass(bench, folder, channel, 0, count, plan)
        return DeployedRuntime(words, steady, graphs.recompilations)
    except Exception as error:  # The network's own code runs, and a compiler: anything is raised.
        return DeployedRuntime(words, problem=explain(error))
    finally:
        if graphs.count:
            forget_compiled()
        gc.collect()
        bench.memory.release()
