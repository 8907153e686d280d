"""A real Keystone for tests: SQLite, Fernet tokens, and Werkzeug's server, in the working directory.

serve(PORT, SWIFT) listens on 127.0.0.1:PORT; SWIFT is the port of the proxy that its catalog names. Needs PyPI's `keystone`.
In the domain Default: tester, testing, may do everything in the project test; guest, guesting, is a reader there; admin,
administering, is the administrator, and has the project admin.
"""

import grp
import os
import pwd
import sys

CONFIGURATION = """[DEFAULT]
use_stderr = true
[database]
connection = sqlite:///{dir}/keystone.sqlite
[fernet_tokens]
key_repository = {dir}/keys
[fernet_receipts]
key_repository = {dir}/keys
[credential]
key_repository = {dir}/keys
[identity]
# Passwords that everybody may know need no costly hash.
password_hash_rounds = 4
"""

# What the catalog names. Nobody listens at ports 1 and 2.
STORES = [("One", "public", 1), ("One", "internal", None), ("Two", "public", None), ("Two", "internal", 2)]


def serve(port, swift):
    from werkzeug.serving import WSGIRequestHandler, make_server

    application = start(f"http://127.0.0.1:{port}/v3")
    fill(application.test_client(), swift)
    WSGIRequestHandler.log_request = lambda *_: None
    make_server("127.0.0.1", port, application, threaded=True).serve_forever()


def start(url):
    with open("keystone.conf", "w") as file:
        file.write(CONFIGURATION.format(dir=os.getcwd()))
    os.environ["OS_KEYSTONE_CONFIG_FILES"] = os.path.abspath("keystone.conf")
    # Keystone takes the arguments of whatever program it is in for its own.
    del sys.argv[1:]
    from keystone.server.wsgi import initialize_public_application

    user, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
    manage("fernet_setup", "--keystone-user", user, "--keystone-group", group)
    manage("db_sync")
    manage("bootstrap", "--bootstrap-password", "administering", "--bootstrap-public-url", url)
    return initialize_public_application()


def manage(*command):
    """`keystone-manage`, in a copy of this process: importing Keystone takes longer than what it does."""
    from keystone.cmd import cli

    if child := os.fork():
        assert os.waitpid(child, 0)[1] == 0, command
        return
    try:
        cli.main(["keystone-manage", "--config-file", "keystone.conf", *command])
        os._exit(0)
    finally:
        os._exit(1)


def fill(client, swift):
    """By the API, as an administrator would."""
    domain = {"id": "default"}
    user = {"name": "admin", "domain": domain, "password": "administering"}
    scope = {"project": {"name": "admin", "domain": domain}}
    identity = {"methods": ["password"], "password": {"user": user}}
    login = client.post("/v3/auth/tokens", json={"auth": {"identity": identity, "scope": scope}})
    token = {"X-Auth-Token": login.headers["X-Subject-Token"]}

    def create(kind, **fields):
        answer = client.post(f"/v3/{kind}s", json={kind: fields}, headers=token)
        assert answer.status_code == 201, answer.text
        return answer.json[kind]["id"]

    for region in ("One", "Two"):
        create("region", id=region)
    service = create("service", type="object-store", name="swift")
    for region, interface, port in STORES:
        url = f"http://127.0.0.1:{port or swift}/v1/AUTH_$(project_id)s"
        create("endpoint", service_id=service, region_id=region, interface=interface, url=url)
    project = create("project", name="test", domain_id="default")
    roles = {role["name"]: role["id"] for role in client.get("/v3/roles", headers=token).json["roles"]}
    for name, password, role in [("tester", "testing", "member"), ("guest", "guesting", "reader")]:
        user = create("user", name=name, password=password, domain_id="default")
        granted = client.put(f"/v3/projects/{project}/users/{user}/roles/{roles[role]}", headers=token)
        assert granted.status_code == 204, granted.text
