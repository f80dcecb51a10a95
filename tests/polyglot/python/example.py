"""A client of bailiwick in Python: python example.py ADDRESS OPERATOR_FILE, by run.sh, which makes the stubs."""

import json
import sys
import uuid

import grpc
from bailiwick.audit.v1 import audit_pb2, audit_pb2_grpc
from bailiwick.directory.v1 import account_pb2, account_pb2_grpc, directory_pb2, directory_pb2_grpc
from bailiwick.directory.v1 import member_pb2, member_pb2_grpc, token_pb2, token_pb2_grpc
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status

DEADLINE = 10  # Seconds, of each call.
CONSISTENCY_TOKEN = "bailiwick-consistency-token"


def check(condition, what):
    if not condition:
        sys.exit(f"not as it must be: {what}")
    print(f"   {what}")


def sign_in(channel, key):
    """Turns an access key into the metadata that each further call carries."""
    request = token_pb2.CreateTokenRequest(access_key_id=key["access_key_id"], secret=key["secret"])
    token = token_pb2_grpc.TokenServiceStub(channel).CreateToken(request, timeout=DEADLINE)
    return [("authorization", f"Bearer {token.access_token}")]


def refused(method, request, metadata):
    """Makes a call that must fail; returns its code and the details that this program knows, by their type."""
    try:
        method(request, metadata=metadata, timeout=DEADLINE)
    except grpc.RpcError as error:
        details = {}
        for packed in rpc_status.from_call(error).details:
            for kind in (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest):
                if packed.Is(kind.DESCRIPTOR):
                    details[kind] = kind()
                    packed.Unpack(details[kind])
        return error.code(), details
    sys.exit(f"not refused: {request}")


def main(address, operator_file):
    # Where the gateway has a certificate: grpc.secure_channel(address, grpc.ssl_channel_credentials(ca)).
    with grpc.insecure_channel(address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        answer = health.Check(health_pb2.HealthCheckRequest(), timeout=DEADLINE, wait_for_ready=True)
        check(answer.status == health_pb2.HealthCheckResponse.SERVING, "the gateway serves")

        # The operator of the platform registers an account, attests whose it is, and hands out its first key.
        with open(operator_file, encoding="utf-8") as file:
            operator = sign_in(channel, json.load(file))
        accounts = account_pb2_grpc.AccountServiceStub(channel)
        new = account_pb2.Account(display_name="python", provider="aliyun", external_id=f"python-{uuid.uuid4()}")
        account = accounts.CreateAccount(
            account_pb2.CreateAccountRequest(account=new), metadata=operator, timeout=DEADLINE
        )
        identity = account_pb2.EnterpriseIdentity(legal_name="Example", registration_number="1", verifier="example")
        accounts.VerifyEnterpriseIdentity(
            account_pb2.VerifyEnterpriseIdentityRequest(name=account.name, enterprise_identity=identity),
            metadata=operator,
            timeout=DEADLINE,
        )
        key = accounts.CreateRootAccessKey(
            account_pb2.CreateRootAccessKeyRequest(account=account.name), metadata=operator, timeout=DEADLINE
        )

        # The account enables a directory, and is its management account from then on.
        root = sign_in(channel, {"access_key_id": key.access_key_id, "secret": key.secret})
        directory = directory_pb2_grpc.DirectoryServiceStub(channel).CreateDirectory(
            directory_pb2.CreateDirectoryRequest(account=account.name), metadata=root, timeout=DEADLINE
        )
        check(directory.management_account == account.name, f"{account.name} manages {directory.name}")

        # Whoever watches the audit trail sees every change; the first answer says that the watch has begun.
        watch = audit_pb2_grpc.AuditServiceStub(channel).WatchDirectoryAuditEntries(
            audit_pb2.WatchDirectoryAuditEntriesRequest(parent=directory.name, filter="method:MemberService"),
            metadata=root,
            timeout=12 * DEADLINE,
        )
        check(not next(watch).audit_entries, "the watch begins with what is to come")

        # A request with an id may be repeated: whoever did not see the answer sends it again.
        members = member_pb2_grpc.MemberServiceStub(channel)
        request = member_pb2.CreateMemberRequest(
            parent=directory.name, member=member_pb2.Member(display_name="first"), request_id=str(uuid.uuid4())
        )
        first = members.CreateMember(request, metadata=root, timeout=DEADLINE)
        again = members.CreateMember(request, metadata=root, timeout=DEADLINE)
        check(first == again, f"{first.name} was created once")

        # An answer to a change carries a token: whoever sends it back sees that change, wherever the call is served.
        request = member_pb2.CreateMemberRequest(
            parent=directory.name, member=member_pb2.Member(display_name="second")
        )
        second, call = members.CreateMember.with_call(request, metadata=root, timeout=DEADLINE)
        seen = [(k, v) for k, v in call.initial_metadata() if k == CONSISTENCY_TOKEN]
        check(len(seen) == 1, "the change has a consistency token")

        listed, page_token = [], None
        while page_token != "":
            page = members.ListMembers(
                member_pb2.ListMembersRequest(parent=directory.name, page_size=1, page_token=page_token or ""),
                metadata=root + seen,
                timeout=DEADLINE,
            )
            check(len(page.members) <= 1, f"a page of {len(page.members)}")
            listed += [member.name for member in page.members]
            page_token = page.next_page_token
        check(sorted(listed) == sorted([first.name, second.name]), "the pages hold both members")

        watched = []
        while len(watched) < 2:
            watched += [entry.resource for entry in next(watch).audit_entries]
        watch.cancel()
        check(sorted(watched) == sorted(listed), "the watch saw both")

        # A refusal says why in google.rpc.ErrorInfo; what is wrong with a request stands in google.rpc.BadRequest.
        code, details = refused(members.CreateMember, request, operator)
        info = details[error_details_pb2.ErrorInfo]
        check(code == grpc.StatusCode.PERMISSION_DENIED, f"refused: {code.name}")
        check((info.domain, info.reason) == ("bailiwick.dev", "SEAT_REQUIRED"), f"because of {info.reason}")
        check(info.metadata["required_seat"] == "MANAGEMENT_ACCOUNT", f"who may: {info.metadata['required_seat']}")

        request = member_pb2.CreateMemberRequest(parent=directory.name, member=member_pb2.Member(display_name="x"))
        code, details = refused(members.CreateMember, request, root)
        fields = [violation.field for violation in details[error_details_pb2.BadRequest].field_violations]
        check(code == grpc.StatusCode.INVALID_ARGUMENT, f"refused: {code.name}")
        check(fields == ["member.display_name"], f"wrong fields: {fields}")


if __name__ == "__main__":
    main(*sys.argv[1:])
