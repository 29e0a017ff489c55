"""Sessions of ONNX Runtime, with the settings that all networks share."""

from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from candidates.classifiers.cores import usable_cores
from candidates.classifiers.interface import ClassifierError
from catalog.errors import gettext

# Nothing is reported to the makers of the runtime (its builds for some systems would).
onnxruntime.disable_telemetry_events()

# In order of preference; a build of the runtime may offer others, some of which send pictures to a service.
PROVIDERS = ("CUDAExecutionProvider", "CPUExecutionProvider")
ONLY_ERRORS = 3
# Pictures per call on a CPU. More make a layer's values outgrow the cache: 32 at once take about twice as long each.
CPU_PART = 4


class BadNetwork(ClassifierError):
    """An error: a network cannot be opened or used."""


def open_session(network: bytes | Path, name: str, *, threads: int = 0) -> onnxruntime.InferenceSession:
    """Open a session on the GPU if the installed runtime has one, else on the CPU, with all graph optimisations.

    Open it in the process that uses it: its threads do not survive a fork.

    Args:
        network: an ONNX model.
        name: its name in errors.
        threads: how many cores one call may use; 0 for all that this process may run on.

    Raises:
        BadNetwork: it cannot be opened.
    """
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = threads or usable_cores()
    options.log_severity_level = ONLY_ERRORS
    # Waiting threads sleep: the threads that decode the next pictures need the cores.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    offered = onnxruntime.get_available_providers()
    providers = [provider for provider in PROVIDERS if provider in offered]
    source = network if isinstance(network, bytes) else str(network)
    try:
        return onnxruntime.InferenceSession(source, options, providers=providers)
    except Exception as error:
        # The runtime's errors have no common base class.
        message = gettext("%(name)s cannot be opened as an ONNX network.") % {"name": name}
        raise BadNetwork(message, shell=gettext("Message of the runtime: %(reason)s") % {"reason": error}) from error


def device_of(session: onnxruntime.InferenceSession) -> str:
    """Return "cuda" or "cpu"."""
    return session.get_providers()[0].removesuffix("ExecutionProvider").lower()


def run_in_parts(session: onnxruntime.InferenceSession, batch: NDArray) -> NDArray:
    """Run a batch of any size, in parts that suit the device or that the model demands. Returns the first output.

    Raises BadNetwork when the model does not take the batch.
    """
    first = session.get_inputs()[0]
    fixed = first.shape[0] if isinstance(first.shape[0], int) else None
    part = fixed or (CPU_PART if device_of(session) == "cpu" else len(batch))
    outputs = []
    for start in range(0, len(batch), part):
        pictures = batch[start : start + part]
        n_missing = (fixed or 0) - len(pictures)
        if n_missing > 0:
            pictures = np.concatenate([pictures, np.zeros((n_missing, *batch.shape[1:]), batch.dtype)])
        outputs.append(_run(session, first.name, pictures))
    return np.concatenate(outputs)[: len(batch)]


def _run(session: onnxruntime.InferenceSession, name: str, pictures: NDArray) -> NDArray:
    try:
        return session.run(None, {name: pictures})[0]
    except Exception as error:
        # As above: no common base class.
        message = gettext("The network does not take %(dtype)s of shape %(shape)s.")
        raise BadNetwork(
            message % {"dtype": pictures.dtype, "shape": pictures.shape},
            shell=gettext("Message of the runtime: %(reason)s") % {"reason": error},
        ) from error
