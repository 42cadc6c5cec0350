from leads.models.accounts import Membership, Role, User, UserAccount
from leads.models.ads import Creative, Direction
from leads.models.leads import DealPhone, Lead, LeadSource, MatchMethod, PushState
from leads.models.people import ErasedPhone, PersonRequest
from leads.models.stages import LeadStatusHistory, PipelineStage, StageNews
from leads.models.tokens import ApiToken

__all__ = [
    "ApiToken",
    "Creative",
    "DealPhone",
    "Direction",
    "ErasedPhone",
    "Lead",
    "LeadSource",
    "LeadStatusHistory",
    "MatchMethod",
    "Membership",
    "PersonRequest",
    "PipelineStage",
    "PushState",
    "Role",
    "StageNews",
    "User",
    "UserAccount",
]
