"""femo_signal with an analysis that does what the recording says, so that tests can time it."""

import pkgutil

__path__ = pkgutil.extend_path(__path__, __name__)
__version__ = "0"
