"""What real clients from PyPI, python-dxf and oras, find of an artifact: HOST REPOSITORY TAG FOLDER. Prints JSON."""

import json
import sys

import dxf
import oras.client

host, repository, tag, folder = sys.argv[1:]
found = {}

client = dxf.DXF(host, repository, insecure=True)
found["digest"], _ = client.head_manifest_and_response(tag)
found["manifest"] = client.get_manifest(tag)
layer = json.loads(found["manifest"])["layers"][0]
found["size"] = client.blob_size(layer["digest"])
found["blob"] = b"".join(client.pull_blob(layer["digest"])).decode()
found["tags"] = client.list_aliases(batch_size=1)
found["repositories"] = dxf.DXFBase(host, insecure=True).list_repos(batch_size=1)

client = oras.client.OrasClient(hostname=host, insecure=True)
reference = f"{host}/{repository}:{tag}"
found["pulled"] = [open(path).read() for path in client.pull(reference, outdir=folder)]
found["listed"] = client.get_tags(f"{host}/{repository}")
try:
    # It asks for the digest by HEAD, and is then refused.
    found["deleted"] = client.delete_tag(oras.container.Container(reference), tag)
except RuntimeError as error:
    found["deleted"] = str(error)

print(json.dumps(found))
