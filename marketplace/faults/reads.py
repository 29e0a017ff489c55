"""The current faults. Without the setting FAULTS there are none, whatever is in the tables."""

from django.conf import settings

from marketplace.faults.models import FaultSettings


def fault_settings() -> FaultSettings:
    if not settings.FAULTS:
        return FaultSettings()
    return FaultSettings.objects.first() or FaultSettings()
