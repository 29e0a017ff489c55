"""Opening a network in ONNX Runtime, with the settings that all networks here share."""

from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from candidates.classifiers.cores import usable_cores
from candidates.classifiers.interface import ClassifierError

# Nothing is reported to the makers of the runtime (its builds for some systems would).
onnxruntime.disable_telemetry_events()

# In order of preference; a build of the runtime may offer others, some of which send pictures to a service.
PROVIDERS = ("CUDAExecutionProvider", "CPUExecutionProvider")
ONLY_ERRORS = 3
# Pictures per call on a CPU. More make a layer's values outgrow the cache: 32 at once take about twice as long each.
CPU_PART = 4


class BadNetwork(ClassifierError):
    """A network that cannot be opened or used."""


def open_session(network: bytes | Path, what: str, *, threads: int = 0) -> onnxruntime.InferenceSession:
    """A session on the GPU where the installed runtime has one, else on the CPU, with all optimisations of the graph.

    Open it in the process that uses it: its threads do not survive a fork.

    Args:
        network: an ONNX model.
        what: how errors call it.
        threads: how many cores one call may use; 0 for all that this process may run on.

    Raises:
        BadNetwork: it cannot be opened.
    """
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = threads or usable_cores()
    options.log_severity_level = ONLY_ERRORS
    # Threads that wait for work do so asleep: the cores are wanted by those that decode the next pictures.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    offered = onnxruntime.get_available_providers()
    providers = [provider for provider in PROVIDERS if provider in offered]
    source = network if isinstance(network, bytes) else str(network)
    try:
        return onnxruntime.InferenceSession(source, options, providers=providers)
    except Exception as error:
        # The runtime's errors have a base class of their own per kind of failure.
        wrong = f"{what} cannot be opened as an ONNX network."
        raise BadNetwork(wrong, shell=f"The runtime says: {error}") from error


def device_of(session: onnxruntime.InferenceSession) -> str:
    """ "cuda" or "cpu"."""
    return session.get_providers()[0].removesuffix("ExecutionProvider").lower()


def run_in_parts(session: onnxruntime.InferenceSession, batch: NDArray) -> NDArray:
    """The first output for a batch of any size, in parts of the size that suits the device or that the model demands.

    Raises BadNetwork when the model does not take the batch.
    """
    asked = session.get_inputs()[0]
    fixed = asked.shape[0] if isinstance(asked.shape[0], int) else None
    part = fixed or (CPU_PART if device_of(session) == "cpu" else len(batch))
    outputs = []
    for start in range(0, len(batch), part):
        pictures = batch[start : start + part]
        n_missing = (fixed or 0) - len(pictures)
        if n_missing > 0:
            pictures = np.concatenate([pictures, np.zeros((n_missing, *batch.shape[1:]), batch.dtype)])
        outputs.append(_run(session, asked.name, pictures))
    return np.concatenate(outputs)[: len(batch)]


def _run(session: onnxruntime.InferenceSession, name: str, pictures: NDArray) -> NDArray:
    try:
        return session.run(None, {name: pictures})[0]
    except Exception as error:
        # As above: no base class to name.
        wrong = f"The network does not take {pictures.dtype} of shape {pictures.shape}."
        raise BadNetwork(wrong, shell=f"The runtime says: {error}") from error
