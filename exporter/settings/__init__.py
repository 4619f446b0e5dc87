"""Every option, declared once: its flag, its variable, its key in the file, its documentation.

``model`` declares them, ``load`` reads them. Nothing here knows the packages that are set: what
only one of those can judge is checked by ``exporter.commands.checks``, and explained like the rest.
"""

from exporter.settings.address import Address
from exporter.settings.consistency import InvalidSettingError
from exporter.settings.flags import Parser, add_options
from exporter.settings.given import SettingsError
from exporter.settings.loading import Loaded, load
from exporter.settings.model import GROUPS, Settings
from exporter.settings.option import CONFIG_FILE, Option, options_of

__all__ = [
    "CONFIG_FILE",
    "GROUPS",
    "Address",
    "InvalidSettingError",
    "Loaded",
    "Option",
    "Parser",
    "Settings",
    "SettingsError",
    "add_options",
    "load",
    "options_of",
]
