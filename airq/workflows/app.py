"""Start the app: a Streamlit server on this machine, in a process of its own."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

#: Folder of this package and of the app; the user's folder may have a module called app, too.
HERE = Path(__file__).resolve().parents[2]
#: What the pages need beside the packages of airq.
PACKAGES = ("streamlit",)
#: Open pages keep the server from ending by itself. [s]
PATIENCE = 1
#: What can be opened without files of one's own, by the name that `airq app --example` takes.
EXAMPLES = {
    "south-africa": "72 places in South Africa, 2019 to 2020 (published predictions, US AQI points of 2012)",
    "demonstration": "the demonstration (SIMULATED)",
}
#: The predictions in a folder that `airq update` keeps.
UPDATED = "predictions.parquet"
HOST = "localhost"
PORT = 8501
#: How a module is run: one called app in the folder of the user is another's.
PYTHON = [sys.executable, "-P", "-m"]
#: Options of the server that safety asks for, whatever the user's configuration.
OPTIONS = {
    "server.address": HOST,
    "server.enableStaticServing": "true",
    "server.fileWatcherType": "none",
    "server.maxUploadSize": "20",
    "server.maxMessageSize": "20",
    "server.showEmailPrompt": "false",
    "browser.gatherUsageStats": "false",
    "client.showErrorDetails": "none",
    "client.toolbarMode": "minimal",
    # Nor does Streamlit advertise what helps developers, in the terminal or over the map.
    "logger.hideWelcomeMessage": "true",
}


def start_app(
    *,
    predictions=None,
    bundle=None,
    panel=None,
    comparison=None,
    evaluation=None,
    surface=None,
    example=None,
    basemap=None,
    basemap_credit=None,
    port=None,
    browser=True,
    announce=None,
):
    """Start the app, wait until it is stopped, and return the exit code of the server; 0 after Ctrl-C.

    Where nothing is named to show, ./demo is shown; without it, the page offers the :data:`EXAMPLES`, of
    which `example` opens one. `basemap` is the address of map tiles on a server of the user's choice, which
    every visitor's browser then asks; ``basemap_credit`` names whom to thank for them. `port` is of this
    machine, by default the first free one from :data:`PORT`; `browser` says whether to open one; ``announce``
    is called with the address before the server starts.

    Raises
    ------
    ModuleNotFoundError
        If Streamlit is not installed.
    ValueError
        If a named file is not what its option asks for, or there is no such example, or files are named
        beside one, or the address of tiles is none.
    OSError
        If a named file does not exist, or the port is taken.
    """
    named = {
        "predictions": predictions,
        "bundle": bundle,
        "panel": panel,
        "comparison": comparison,
        "evaluation": evaluation,
        "surface": surface,
    }
    named = {kind: Path(path) for kind, path in named.items() if path is not None}
    if "predictions" in named and (named["predictions"] / UPDATED).exists():
        named["predictions"] /= UPDATED
    check_example(example, named)
    check_basemap(basemap, basemap_credit)
    check_installed()
    for kind, path in named.items():
        if not path.exists():
            raise FileNotFoundError(f"No such file or folder: {path} (--{kind}).")
    check_sound(named)
    port = free_port() if port is None else check_port(port)
    if announce is not None:
        announce(f"http://{HOST}:{port}")
    return run(command(named, tiles=(basemap, basemap_credit), example=example, port=port, browser=browser))


def command(named, *, port, example=None, tiles=(None, None), browser=True):
    """Return the command that starts the server, as a list of str.

    `named` holds what to show, or `example` names it; `tiles` is the address of map tiles and their credit;
    `port` is of this machine; `browser` says whether Streamlit opens one.
    """
    script = HERE / "app" / "main.py"
    options = {**OPTIONS, "server.port": str(port), "server.headless": "false" if browser else "true"}
    flags = [part for name, value in options.items() for part in (f"--{name}", value)]
    shown = arguments({kind: path.absolute() for kind, path in named.items()})
    texts = {"example": example, "basemap": tiles[0], "basemap-credit": tiles[1]}
    shown += arguments({name: text for name, text in texts.items() if text})
    return [*PYTHON, "streamlit", "run", str(script), *flags, "--", *shown]


def arguments(named):
    """Return what to show as options of the app's own command line, see :func:`app.sources.named`."""
    return [part for kind, path in named.items() for part in (f"--{kind}", str(path))]


def run(command):
    """Run the server until it ends; Ctrl-C ends it cleanly, and so does a request to terminate (SIGTERM)."""
    before = signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    process = subprocess.Popen(command, env=environment())
    try:
        return process.wait()
    except KeyboardInterrupt:
        # The terminal sends Ctrl-C to the server as well, which then needs a moment.
        with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            process.wait(timeout=PATIENCE)
        return 0
    finally:
        process.terminate()
        process.wait()
        signal.signal(signal.SIGTERM, before)


def environment():
    """Return this environment, with the app where this process would find it.

    Every page is drawn by a thread of its own: few pools of memory for all of them (glibc) keep the server
    from growing with the number of sessions.
    """
    path = os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")]))
    return {"MALLOC_ARENA_MAX": "2", **os.environ, "PYTHONPATH": path}


def check_installed():
    """Refuse to start without the packages that draw the pages."""
    for package in PACKAGES:
        if importlib.util.find_spec(package) is None:
            raise ModuleNotFoundError(
                f"The app needs {package}, which is not installed: pip install {' '.join(PACKAGES)}"
            )


def check_example(example, named):
    """Refuse an example that does not exist, or files beside one, which has its own."""
    if example is None:
        return
    if example not in EXAMPLES:
        raise ValueError(f"There is no example {example!r}; choose {' or '.join(EXAMPLES)}.")
    if named:
        raise ValueError(f"--example {example} opens files of its own; leave out --{', --'.join(named)}.")


def check_basemap(url, credit=None):
    """Return the address of map tiles and their credit; refuse one that is no address of a single server.

    >>> check_basemap("https://{s}.tiles.org/{z}/{x}/{y}.png")
    Traceback (most recent call last):
    ...
    ValueError: --basemap https://{s}.tiles.org/{z}/{x}/{y}.png names no single server; leave out {s}.
    """
    if url is None:
        if credit:
            raise ValueError("--basemap-credit names the source of tiles; name their address with --basemap.")
        return None, None
    parts = urlsplit(url)
    lacking = [name for name in ("{z}", "{x}", "{y}") if name not in parts.path + parts.query]
    if parts.scheme not in ("http", "https") or not parts.netloc or lacking:
        what = f"lacks {', '.join(lacking)}" if lacking else "does not begin with http:// or https://"
        raise ValueError(
            f"--basemap {url} {what}; give the address of map tiles (XYZ), such as "
            "https://tile.openstreetmap.org/{z}/{x}/{y}.png."
        )
    if "{" in parts.netloc:
        raise ValueError(f"--basemap {url} names no single server; leave out {{s}}.")
    return url, credit


def check_sound(named):
    """Refuse files that the app could not show, by ValueError with the message that a page would show.

    The app's own checks run in a process that ends before the server starts: their packages are large.
    OSError is raised if that process failed.
    """
    if not named:
        return
    looked = subprocess.run(
        [*PYTHON, "app.sources", *arguments(named)],
        env=environment(),
        capture_output=True,
        text=True,
    )
    if looked.returncode and looked.stdout:
        raise ValueError(looked.stdout)
    if looked.returncode:
        lines = looked.stderr.strip().splitlines() or ["no message"]
        raise OSError(f"The files could not be checked: {lines[-1]}")


def check_port(port):
    """Refuse a port that is taken or that does not exist."""
    if not 1 <= port <= 65535:
        raise ValueError(f"Port {port} does not exist; choose one from 1024 to 65535.")
    if not _is_free(port):
        raise OSError(f"Port {port} is taken; leave --port out to use a free one.")
    return port


def free_port(first=PORT):
    """Return the first free port from `first` on."""
    for port in range(first, first + 100):
        if _is_free(port):
            return port
    raise OSError(f"The ports from {first} to {first + 99} are taken; choose another with --port.")


def _is_free(port):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
