"""Holds manifests to the strict schemas of every Kubernetes that kubernetes-validate knows, from 1.25 on; prints the versions."""

import functools
import sys

import yaml
from kubernetes_validate import utils

# Each call would read and parse its schema again.
utils.schema_contents = functools.lru_cache(maxsize=None)(utils.schema_contents)
utils.all_versions = functools.lru_cache(maxsize=None)(utils.all_versions)

objects = []
for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as file:
        objects += [(path, item) for item in yaml.load_all(file, yaml.CSafeLoader)]

wrong = False
versions = [version for version in utils.all_versions() if tuple(map(int, version.split(".")[:2])) >= (1, 25)]
for version in dict.fromkeys(versions):
    for path, item in objects:
        try:
            utils.validate(item, version, strict=True)
        except (utils.ValidationError, utils.SchemaNotFoundError) as error:
            wrong = True
            name = f"{item['kind']} {item['metadata']['name']}"
            print(f"{path}: {name}: Kubernetes {version}: {error.message}", file=sys.stderr)
    print(utils.major_minor(version))
sys.exit(wrong)
