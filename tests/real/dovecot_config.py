"""Dovecot's configuration: 2.3 (Debian 12) and 2.4 (Debian 13) write it in incompatible ways."""

import grp
import os
import pwd
import shutil
from pathlib import Path

# The chroots are emptied because only root may change root. A failed login must not slow down the tests after it, hence
# the penalty's listener without permissions.
_COMMON = """
base_dir = {dir}/run
state_dir = {dir}/state
log_path = {dir}/log
protocols = imap
listen = 127.0.0.1
default_internal_user = {internal_user}
default_internal_group = {internal_group}
default_login_user = {login_user}
first_valid_uid = 1
mail_max_userip_connections = 200
mail_fsync = never
auth_failure_delay = 0
ssl = yes
namespace inbox {{
  inbox = yes
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
"""

_AS_OF_2_3 = """
disable_plaintext_auth = no
ssl_cert = <{dir}/certificate.pem
ssl_key = <{dir}/key.pem
mail_location = maildir:{dir}/mail/%u
passdb {{
  driver = static
  args = password=secret
}}
userdb {{
  driver = static
  args = uid={mail_user} gid={mail_group} home={dir}/mail/%u
}}
"""

_AS_OF_2_4 = """
auth_allow_cleartext = yes
ssl_server_cert_file = {dir}/certificate.pem
ssl_server_key_file = {dir}/key.pem
mail_driver = maildir
mail_path = {dir}/mail/%{{user}}
mail_uid = {mail_user}
mail_gid = {mail_group}
passdb static {{
  password = secret
}}
userdb static {{
  fields {{
    uid = {mail_user}
    gid = {mail_group}
    home = {dir}/mail/%{{user}}
  }}
}}
"""


# It asks the authorization server about each token (RFC 7662).
_OAUTH_AS_OF_2_3 = """
auth_mechanisms = plain oauthbearer xoauth2
passdb {{
  driver = oauth2
  mechanisms = oauthbearer xoauth2
  args = {dir}/oauth2.conf
}}
"""

_OAUTH_AS_OF_2_4 = """
auth_mechanisms = plain oauthbearer xoauth2
oauth2 {{
  introspection_mode = post
  introspection_url = {introspection_url}
  username_attribute = username
}}
passdb oauth2 {{
  mechanisms_filter = oauthbearer xoauth2
}}
"""

OAUTH_FILE_AS_OF_2_3 = """
introspection_mode = post
introspection_url = {introspection_url}
username_attribute = username
active_attribute = active
active_value = true
"""


def configuration(version: str, *, directory: Path, port: int, tls_port: int, introspection_url: str = "") -> str:
    """The text of dovecot.conf for the version that `dovecot --version` names."""
    old = version.startswith("2.3")
    # 2.4 insists that these two come first.
    opening = "" if old else "dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0\n"
    oauth = "" if not introspection_url else _OAUTH_AS_OF_2_3 if old else _OAUTH_AS_OF_2_4
    template = opening + _COMMON + oauth + (_AS_OF_2_3 if old else _AS_OF_2_4)
    places = {"dir": directory, "port": port, "tls_port": tls_port, "introspection_url": introspection_url}
    return template.format(**places, **_users())


def give_to_mail_owner(directory: Path) -> None:
    """Let Dovecot's own users into a directory that root made."""
    if os.geteuid() == 0:
        directory.chmod(0o755)
        shutil.chown(directory / "mail", "nobody", "nogroup")


def _users() -> dict[str, str]:
    if os.geteuid() == 0:
        owner, group = "nobody", "nogroup"
        internal = {"internal_user": "dovecot", "internal_group": "dovecot", "login_user": "dovenull"}
    else:
        owner, group = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name
        internal = {"internal_user": owner, "internal_group": group, "login_user": owner}
    return {**internal, "mail_user": owner, "mail_group": group}
