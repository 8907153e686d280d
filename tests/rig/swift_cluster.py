"""A whole Swift cluster for tests: one node, one replica, one device, in the working directory.

    python swift_cluster.py PORT MAX_FILE_SIZE [KEYSTONE_PORT]

PORT is where the proxy listens, on 127.0.0.1. Runs until it gets SIGTERM; its servers end with it. Needs PyPI's `swift`,
and a file system with user xattrs. Users (TempAuth): test:tester, testing, may do everything in AUTH_test; test:guest,
guesting, only what an ACL permits. With KEYSTONE_PORT, a Keystone listens there, and its users are the cluster's
(keystone_server.py); needs PyPI's `keystone` and `keystonemiddleware`.
"""

import asyncio
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time

import keystone_server

SWIFT = """[swift-hash]
swift_hash_path_suffix = suffix
swift_hash_path_prefix = prefix
[storage-policy:0]
name = Policy-0
default = yes
[swift-constraints]
max_file_size = {size}
# Small, so that a list of a few hundred objects has several pages.
container_listing_limit = 100
"""

SERVER = """[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = {user}
swift_dir = {dir}
devices = {dir}/devices
mount_check = false
fallocate_reserve = 0
log_custom_handlers =
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""

# An object is in its container's list once it is written: by default a slow update is left to a daemon that does not run here.
PATIENT_OBJECTS = """conn_timeout = 60
node_timeout = 60
container_update_timeout = 60
"""

PROXY = """[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = {user}
swift_dir = {dir}
expose_info = true
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck cache listing_formats bulk {auth} copy container_quotas slo dlo proxy-server
[app:proxy-server]
use = egg:swift#proxy
allow_account_management = true
account_autocreate = true
# A machine on which all tests run at once may be slow. By default Swift takes a part that is silent for half a second, ten
# times, for dead, and shuns it for a minute; without its memcached nobody is let in.
conn_timeout = 60
node_timeout = 60
error_suppression_limit = 1000000
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:{memcached}
connect_timeout = 60
pool_timeout = 60
io_timeout = 60
error_suppression_limit = 1000000
[filter:slo]
use = egg:swift#slo
min_segment_size = 1
"""

TEMPAUTH = """[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
user_test_guest = guesting
"""

KEYSTONE = """[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
auth_url = http://127.0.0.1:{keystone}
www_authenticate_uri = http://127.0.0.1:{keystone}
interface = public
auth_type = password
username = admin
password = administering
project_name = admin
user_domain_id = default
project_domain_id = default
# The public asks without a token.
delay_auth_decision = true
# A token is good until Keystone says otherwise, and not for minutes after.
token_cache_time = -1
[filter:keystoneauth]
use = egg:swift#keystoneauth
operator_roles = member
"""

PLAIN = ["catch_errors", "gatekeeper", "healthcheck", "listing_formats", "bulk", "copy", "container_quotas", "dlo"]


def main():
    if sys.argv[1] == "memcached":
        return asyncio.run(memcached(int(sys.argv[2])))
    if sys.argv[1] in ("account", "container", "object", "proxy"):
        return serve(sys.argv[1])
    if sys.argv[1] == "keystone":
        return keystone_server.serve(*map(int, sys.argv[2:]))
    port, size, *keystone = map(int, sys.argv[1:])
    configure(port, size, *keystone)
    parts = [["memcached", str(PORTS["memcached"])], ["account"], ["container"], ["object"], ["proxy"]]
    if keystone:
        parts.append(["keystone", str(*keystone), str(port)])
    # A signal before the handlers stand would leave servers behind.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    servers = [subprocess.Popen([sys.executable, __file__, *part], preexec_fn=end_with_parent) for part in parts]
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    for server in servers:
        server.terminate()
    deadline = time.monotonic() + 5
    for server in servers:
        try:
            server.wait(max(0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


PORTS = {}


def configure(port, size, keystone=None):
    sockets = {name: socket.create_server(("127.0.0.1", 0)) for name in ("memcached", "account", "container", "object")}
    PORTS.update({name: held.getsockname()[1] for name, held in sockets.items()}, proxy=port)
    for held in sockets.values():
        held.close()
    values = {"dir": os.getcwd(), "user": os.environ.get("USER") or subprocess.getoutput("id -un"), "size": size}
    os.makedirs("devices/d1", exist_ok=True)
    write("swift.conf", SWIFT.format(**values))
    for kind in ("account", "container", "object"):
        patience = PATIENT_OBJECTS if kind == "object" else ""
        write(f"{kind}-server.conf", SERVER.format(kind=kind, port=PORTS[kind], **values) + patience)
        ring(kind, PORTS[kind])
    filters = "".join(f"[filter:{name}]\nuse = egg:swift#{name}\n" for name in PLAIN)
    filters += KEYSTONE.format(keystone=keystone) if keystone else TEMPAUTH
    auth = "authtoken keystoneauth" if keystone else "tempauth"
    proxy = PROXY.format(port=port, memcached=PORTS["memcached"], auth=auth, **values)
    write("proxy-server.conf", proxy + filters)


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def ring(kind, port):
    use_own_configuration()
    from swift.common.ring import RingBuilder

    builder = RingBuilder(4, 1, 0)
    at = {"ip": "127.0.0.1", "port": port, "replication_ip": "127.0.0.1", "replication_port": port}
    builder.add_dev(dict(region=1, zone=1, device="d1", weight=1.0, meta="", **at))
    builder.rebalance()
    builder.get_ring().save(f"{kind}.ring.gz")


def use_own_configuration():
    """Swift reads /etc/swift/swift.conf by a constant."""
    import swift.common.utils as utils

    modules = [utils]
    try:
        import swift.common.utils.config as config

        modules.append(config)
    except ImportError:
        pass
    for module in modules:
        module.SWIFT_CONF_FILE = os.path.abspath("swift.conf")


def serve(kind):
    use_own_configuration()
    from swift.common.wsgi import run_wsgi

    options = {}
    if kind == "object":
        from swift.obj import server

        options["global_conf_callback"] = server.global_conf_callback
    sys.exit(run_wsgi(os.path.abspath(f"{kind}-server.conf"), f"{kind}-server", **options))


def end_with_parent():
    """However this process ends, its servers end too."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT})
    death_signal = 1
    ctypes.CDLL(None).prctl(death_signal, signal.SIGKILL)


async def memcached(port):
    """Stands in for memcached, where TempAuth keeps its tokens: the text protocol, in memory, nothing expires."""
    held = {}

    def answer(words, data):
        command = words[0] if words else b""
        if command in (b"set", b"add"):
            if command == b"add" and words[1] in held:
                return b"NOT_STORED\r\n"
            held[words[1]] = (words[2], data)
            return b"STORED\r\n"
        if command == b"get":
            found = [(key, *held[key]) for key in words[1:] if key in held]
            return b"".join(b"VALUE %s %s %d\r\n%s\r\n" % (k, f, len(d), d) for k, f, d in found) + b"END\r\n"
        if command in (b"incr", b"decr"):
            if words[1] not in held:
                return b"NOT_FOUND\r\n"
            flags, number = held[words[1]]
            number = max(0, int(number) + (1 if command == b"incr" else -1) * int(words[2]))
            held[words[1]] = (flags, b"%d" % number)
            return b"%d\r\n" % number
        if command == b"delete":
            return b"DELETED\r\n" if held.pop(words[1], None) else b"NOT_FOUND\r\n"
        return b"ERROR\r\n"

    async def connection(reader, writer):
        while line := await reader.readline():
            words, data = line.split(), b""
            if words and words[0] in (b"set", b"add"):
                data = (await reader.readexactly(int(words[4]) + 2))[:-2]
            reply = answer(words, data)
            if words and words[-1] != b"noreply":
                writer.write(reply)
                await writer.drain()
        writer.close()

    async with await asyncio.start_server(connection, "127.0.0.1", port) as server:
        await server.serve_forever()


if __name__ == "__main__":
    main()
