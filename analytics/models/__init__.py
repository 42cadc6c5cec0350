from analytics.models.targetologists import Targetologist

__all__ = ["Targetologist"]
