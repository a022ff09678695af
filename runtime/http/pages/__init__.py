"""What the pages of the HTTP port share: signing in, the check of the origin, files, headers."""

from .assets import Assets
from .form import form_value
from .headers import PageHeaders
from .origin import is_same_origin
from .sign_in import SignIn
from .sign_in_page import SignInPage

__all__ = ["Assets", "PageHeaders", "SignIn", "SignInPage", "form_value", "is_same_origin"]
