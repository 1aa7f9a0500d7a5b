"""Pre- and post-images: the documents as they were before and after a change, recorded by the server."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pymongo.database import Database
from pymongo.errors import CollectionInvalid, OperationFailure

from queryleaf_cdc.errors import ServerError

_UNAUTHORIZED = 13
_NAMESPACE_EXISTS = 48


def enable_images(database: Database[dict[str, Any]], collections: Iterable[str]) -> None:
    """Creates the collections that do not exist. Without the privilege: ServerError (QL510) with the command."""
    for name in collections:
        found = database.command("listCollections", filter={"name": name})["cursor"]["firstBatch"]
        if found and found[0].get("options", {}).get("changeStreamPreAndPostImages", {}).get("enabled"):
            continue
        try:
            _enable(database, name, exists=bool(found))
        except OperationFailure as error:
            if error.code != _UNAUTHORIZED:
                raise
            command = f'db.getSiblingDB("{database.name}").runCommand({{collMod: "{name}", '
            command += "changeStreamPreAndPostImages: {enabled: true}})"
            raise ServerError(
                "QL510",
                f"{name} does not record images of its documents, and this user may not turn that on",
                hint=f"have somebody with the collMod privilege run: {command}",
            ) from error


def _enable(database: Database[dict[str, Any]], name: str, exists: bool) -> None:
    setting = {"enabled": True}
    if not exists:
        try:
            database.create_collection(name, changeStreamPreAndPostImages=setting)
            return
        except CollectionInvalid:
            pass
        except OperationFailure as error:
            if error.code != _NAMESPACE_EXISTS:
                raise
    database.command("collMod", name, changeStreamPreAndPostImages=setting)
