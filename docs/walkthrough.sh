#!/usr/bin/env bash
# A walk through bailiwick with grpcurl: the examples of product documents 001 and 003. A is the management account, B the
# delegated administrator of Security Center, C, D, E and F are members. Whatever must be refused is tried as well.
#
#   docs/walkthrough.sh ADDRESS OPERATOR_FILE [grpcurl option ...]
#
# ADDRESS and OPERATOR_FILE are printed by `make run`; options such as `-cacert FILE` go to grpcurl (default: -plaintext).
# It needs a fresh installation, and grpcurl and python3 (to read JSON) on the path. It stops at the first surprise.
set -euo pipefail

address=$1
operator_file=$2
options=("${@:3}")
[ ${#options[@]} -gt 0 ] || options=(-plaintext)

# ---------------------------------------------------------------------------------------------------------------------
# How the walk talks to the gateway. Services are found by reflection: no proto file is needed.

# call TOKEN METHOD JSON: calls as whoever has the token, and prints the answer.
call() {
    local token=$1 method=$2 json=$3
    grpcurl "${options[@]}" -H "authorization: Bearer $token" -d "$json" "$address" "bailiwick.$method"
}

# refused REASON TOKEN METHOD JSON: the same call must be refused, for this reason and no other.
refused() {
    local reason=$1 answer
    if answer=$(call "$2" "$3" "$4" 2>&1); then
        echo "not refused: $3 $4" >&2
        exit 1
    fi
    if ! grep -q "\"reason\": \"$reason\"" <<<"$answer"; then
        printf 'refused, but not with %s: %s\n%s\n' "$reason" "$3" "$answer" >&2
        exit 1
    fi
    echo "   refused as it must be: $reason"
}

# field NAME: the value of a field of the JSON on standard input; a.b reaches into a message.
field() {
    python3 -c 'import functools, json, sys
print(functools.reduce(lambda value, key: value[key], sys.argv[1].split("."), json.load(sys.stdin)))' "$1"
}

# sign_in KEY_ID SECRET: turns an access key into a token. The only call that needs no token.
sign_in() {
    grpcurl "${options[@]}" -d "{\"access_key_id\": \"$1\", \"secret\": \"$2\"}" "$address" \
        bailiwick.directory.v1.TokenService/CreateToken | field accessToken
}

step() { printf '\n== %s\n' "$*"; }

# ---------------------------------------------------------------------------------------------------------------------
step "The operator of the platform signs in"

operator=$(sign_in "$(field access_key_id <"$operator_file")" "$(field secret <"$operator_file")")
call "$operator" directory.v1.TokenService/GetCallerIdentity '{}' | field principal

# ---------------------------------------------------------------------------------------------------------------------
step "It registers accounts A, B and E, and attests that they belong to the same enterprise"

# register NAME LEGAL_NAME: prints the account, then the token of its root user.
register() {
    local account key
    account=$(call "$operator" directory.v1.AccountService/CreateAccount \
        "{\"account\": {\"display_name\": \"$1\", \"provider\": \"aliyun\", \"external_id\": \"$1-$RANDOM$RANDOM\"}}" |
        field name)
    call "$operator" directory.v1.AccountService/VerifyEnterpriseIdentity "{
        \"name\": \"$account\",
        \"enterprise_identity\": {\"legal_name\": \"$2\", \"registration_number\": \"$2-1\", \"verifier\": \"walk\"}
    }" >/dev/null
    key=$(call "$operator" directory.v1.AccountService/CreateRootAccessKey "{\"account\": \"$account\"}")
    echo "$account" "$(sign_in "$(field accessKeyId <<<"$key")" "$(field secret <<<"$key")")"
}

read -r A a_root < <(register account-a Example)
read -r B b_root < <(register account-b Example)
read -r E e_root < <(register account-e Example)
read -r X x_root < <(register outsider Other)
echo "   A is $A, B is $B, E is $E; the outsider is $X"

# ---------------------------------------------------------------------------------------------------------------------
step "A enables a directory and becomes its management account"

directory=$(call "$a_root" directory.v1.DirectoryService/CreateDirectory "{\"account\": \"$A\"}" | field name)
echo "   $directory"

# The root user should not do daily work: A gets an administrator with a name, for the audit trail to tell.
call "$a_root" directory.v1.UserService/CreateUser "{\"parent\": \"$A\", \"user_id\": \"alice\"}" >/dev/null
refused_until_allowed=$(call "$a_root" directory.v1.AccessKeyService/CreateAccessKey "{\"parent\": \"$A/users/alice\"}")
alice=$(sign_in "$(field accessKeyId <<<"$refused_until_allowed")" "$(field secret <<<"$refused_until_allowed")")
refused ACTION_NOT_ALLOWED "$alice" directory.v1.DirectoryService/GetDirectory "{\"name\": \"$directory\"}"
call "$a_root" directory.v1.PolicyService/AttachPolicy \
    "{\"target\": \"$A/users/alice\", \"policy\": \"$A/policies/AliyunResourceDirectoryFullAccess\"}" >/dev/null
call "$alice" directory.v1.DirectoryService/GetDirectory "{\"name\": \"$directory\"}" | field managementAccount

# ---------------------------------------------------------------------------------------------------------------------
step "A creates the members C and D, and invites B and E"

member() {
    call "$alice" directory.v1.MemberService/CreateMember \
        "{\"parent\": \"$directory\", \"member\": {\"display_name\": \"$1\"}}" | field account
}
C=$(member account-c)
D=$(member account-d)

# join ACCOUNT TOKEN: A invites, the account accepts.
join() {
    local invitation
    invitation=$(call "$alice" directory.v1.InvitationService/CreateInvitation \
        "{\"parent\": \"$directory\", \"invitation\": {\"account\": \"$1\", \"note\": \"welcome\"}}" | field name)
    refused SEAT_REQUIRED "$alice" directory.v1.InvitationService/AcceptInvitation "{\"name\": \"$invitation\"}"
    refused RESOURCE_NOT_FOUND "$x_root" directory.v1.InvitationService/AcceptInvitation "{\"name\": \"$invitation\"}"
    call "$2" directory.v1.InvitationService/AcceptInvitation "{\"name\": \"$invitation\"}" | field state
}
join "$B" "$b_root"
join "$E" "$e_root"
refused LEGAL_ENTITY_MISMATCH "$alice" directory.v1.InvitationService/CreateInvitation \
    "{\"parent\": \"$directory\", \"invitation\": {\"account\": \"$X\"}}"
call "$alice" directory.v1.MemberService/ListMembers "{\"parent\": \"$directory\"}" | grep displayName

# ---------------------------------------------------------------------------------------------------------------------
step "A designates B as delegated administrator of Security Center"

center="$directory/trustedServices/security-center"
designate() {
    call "$1" delegation.v1.DelegatedAdministratorService/CreateDelegatedAdministrator \
        "{\"parent\": \"$2\", \"delegated_administrator\": {\"account\": \"$3\"}}"
}
try_designate() {
    refused "$1" "$2" delegation.v1.DelegatedAdministratorService/CreateDelegatedAdministrator \
        "{\"parent\": \"$3\", \"delegated_administrator\": {\"account\": \"$4\"}}"
}

echo "   before the service may work on the directory:"
try_designate TRUSTED_ACCESS_NOT_ENABLED "$alice" "$center" "$B"
call "$alice" delegation.v1.TrustedServiceService/EnableTrustedService "{\"name\": \"$center\"}" | field state
echo "   a member that designates:"
try_designate SEAT_REQUIRED "$e_root" "$center" "$E"
echo "   an outsider designated:"
try_designate ACCOUNT_NOT_IN_DIRECTORY "$alice" "$center" "$X"
echo "   the management account itself designated:"
try_designate MANAGEMENT_ACCOUNT_NOT_ELIGIBLE "$alice" "$center" "$A"
designate "$alice" "$center" "$B" | field name
echo "   B is administrator of Threat Analysis as well:"
call "$alice" delegation.v1.DelegatedAdministratorService/ListDelegatedAdministrators \
    "{\"parent\": \"$directory/trustedServices/threat-analysis\"}" | grep '"account"'

# ---------------------------------------------------------------------------------------------------------------------
step "B puts C, D and E under control, and into the scope of the Agentic SOC"

echo "   the multi-account feature needs Enterprise or Ultimate; every account begins with Basic:"
refused EDITION_NOT_SUPPORTED "$b_root" securitycenter.v1.MonitoredAccountService/BatchCreateMonitoredAccounts \
    "{\"parent\": \"$directory\", \"accounts\": [\"$C\", \"$D\", \"$E\"]}"
call "$b_root" securitycenter.v1.SubscriptionService/PurchaseSubscription "{
    \"name\": \"$B/subscription\", \"edition\": \"EDITION_ULTIMATE\", \"protected_servers\": 100, \"months\": 12
}" | grep -E '"(edition|multiAccount)"'
call "$b_root" securitycenter.v1.MultiAccountService/ListEligibleAccounts "{\"parent\": \"$directory\"}" |
    grep displayName
call "$b_root" securitycenter.v1.MonitoredAccountService/BatchCreateMonitoredAccounts \
    "{\"parent\": \"$directory\", \"accounts\": [\"$C\", \"$D\", \"$E\"]}" | grep displayName
call "$b_root" soc.v1.ScopeService/BatchCreateScopeAccounts \
    "{\"parent\": \"$directory\", \"accounts\": [\"$C\", \"$D\", \"$E\"]}" >/dev/null
call "$b_root" soc.v1.ScopeService/GetScopeSummary "{\"parent\": \"$directory\"}" | field totalMonitoredAccounts
echo "   the service-linked roles that E finds in itself:"
call "$e_root" directory.v1.RoleService/ListRoles "{\"parent\": \"$E\"}" | grep '"name"'

call "$b_root" securitycenter.v1.MonitoredAccountService/UpdateMonitoredAccount "{
    \"monitored_account\": {\"name\": \"$directory/monitoredAccounts/${C#accounts/}\", \"remark\": \"payments\"},
    \"update_mask\": {\"paths\": [\"remark\"]}
}" | field remark

echo "   B holds the seat of Security Center, and no other: SASE"
refused SEAT_REQUIRED "$b_root" sase.v1.SaseMemberService/CreateSaseMember \
    "{\"parent\": \"$directory\", \"sase_member\": {\"account\": \"$C\"}}"
echo "   an administrator who invites:"
refused SEAT_REQUIRED "$b_root" directory.v1.InvitationService/CreateInvitation \
    "{\"parent\": \"$directory\", \"invitation\": {\"account\": \"$X\"}}"
echo "   a member that manages others:"
refused SEAT_REQUIRED "$e_root" securitycenter.v1.MonitoredAccountService/ListMonitoredAccounts \
    "{\"parent\": \"$directory\"}"
echo "   somebody of another enterprise, who learns not even that the directory exists:"
refused RESOURCE_NOT_FOUND "$x_root" securitycenter.v1.MonitoredAccountService/ListMonitoredAccounts \
    "{\"parent\": \"$directory\"}"

echo "   why? the gateway explains:"
call "$b_root" gateway.v1.AccessService/ExplainAccess "{
    \"method\": \"bailiwick.sase.v1.SaseMemberService/CreateSaseMember\",
    \"resource\": \"$directory\", \"accounts\": [\"$C\"]
}" | grep -E '"(reason|requiredSeat|condition)"'

# ---------------------------------------------------------------------------------------------------------------------
step "SASE and bastion host have administrators of their own: here the management account itself"

for service in sase bastionhost; do
    call "$alice" delegation.v1.TrustedServiceService/EnableTrustedService \
        "{\"name\": \"$directory/trustedServices/$service\"}" >/dev/null
done
echo "   SASE has to be activated first:"
refused SASE_SETUP_INCOMPLETE "$a_root" sase.v1.SaseMemberService/CreateSaseMember \
    "{\"parent\": \"$directory\", \"sase_member\": {\"account\": \"$C\"}}"
call "$a_root" sase.v1.SaseInstanceService/CreateSaseInstance "{\"parent\": \"$directory\"}" >/dev/null
call "$a_root" sase.v1.SaseMemberService/CreateSaseMember \
    "{\"parent\": \"$directory\", \"sase_member\": {\"account\": \"$C\", \"remark\": \"first\"}}" | grep -E 'account|remark'
call "$a_root" bastion.v1.BastionMemberService/CreateBastionMember \
    "{\"parent\": \"$directory\", \"bastion_member\": {\"account\": \"$C\"}}" | field account
echo "   a RAM user needs the policies of the bastion host and of the directory:"
refused ACTION_NOT_ALLOWED "$alice" bastion.v1.BastionMemberService/ListBastionMembers "{\"parent\": \"$directory\"}"

# ---------------------------------------------------------------------------------------------------------------------
step "What is removed is out of reach at once"

call "$a_root" sase.v1.SaseMemberService/DeleteSaseMember \
    "{\"name\": \"$directory/saseMembers/${C#accounts/}\"}" >/dev/null
refused ACCOUNT_NOT_ENROLLED "$a_root" sase.v1.SaseMemberService/GetSaseMember \
    "{\"name\": \"$directory/saseMembers/${C#accounts/}\"}"
echo "   a delegated administrator cannot be removed from the directory while it is one:"
refused MEMBER_IN_USE "$alice" directory.v1.MemberService/RemoveMember \
    "{\"name\": \"$directory/members/${B#accounts/}\"}"
echo "   E leaves the directory; B no longer reaches it:"
call "$alice" directory.v1.MemberService/RemoveMember "{\"name\": \"$directory/members/${E#accounts/}\"}" >/dev/null
refused ACCOUNT_NOT_IN_DIRECTORY "$b_root" securitycenter.v1.MonitoredAccountService/GetMonitoredAccount \
    "{\"name\": \"$directory/monitoredAccounts/${E#accounts/}\"}"
echo "   B is deregistered:"
call "$alice" delegation.v1.DelegatedAdministratorService/DeleteDelegatedAdministrator \
    "{\"name\": \"$center/delegatedAdministrators/${B#accounts/}\"}" | grep -A9 trustedServices
refused SEAT_REQUIRED "$b_root" securitycenter.v1.MonitoredAccountService/ListMonitoredAccounts \
    "{\"parent\": \"$directory\"}"

# ---------------------------------------------------------------------------------------------------------------------
step "A switches a cloud account to a resource account: product document 003"

# F joins as E did. Its root user has an access key, and it has neither phone nor e-mail address.
read -r F f_root < <(register account-f Example)
join "$F" "$f_root"
f="$directory/members/${F#accounts/}"
to_resource="\"name\": \"$f\", \"target_type\": \"ACCOUNT_TYPE_RESOURCE\""

# try_switch REASON TOKEN: neither a code nor the switch may be had.
try_switch() {
    refused "$1" "$2" directory.v1.MemberService/RequestTypeSwitchVerification "{$to_resource}"
    refused "$1" "$2" directory.v1.MemberService/SwitchMemberType \
        "{$to_resource, \"acknowledge_risk\": true, \"verification_code\": \"000000\"}"
}

# sent_code ACCOUNT PURPOSE: the last code that was sent. An installation that reaches nobody yet writes messages into a
# file beside the operator's, a moment after the call.
sent_code() {
    python3 - "$(dirname "$operator_file")/mailbox.jsonl" "$1" "$2" <<'PYTHON'
import json, os, sys, time
file, account, purpose = sys.argv[1:]
until = time.monotonic() + 60
while time.monotonic() < until:
    lines = open(file).read().splitlines() if os.path.exists(file) else []
    sent = [m["code"] for m in map(json.loads, lines) if (m["account"], m["purpose"]) == (account, purpose)]
    if sent:
        print(sent[-1])
        sys.exit()
    time.sleep(0.1)
sys.exit("no code came")
PYTHON
}

echo "   the root user of A, who would leave no name in the audit trail:"
try_switch OPERATOR_REQUIRED "$a_root"
echo "   a user of A without the policy AliyunResourceDirectoryFullAccess:"
call "$a_root" directory.v1.UserService/CreateUser "{\"parent\": \"$A\", \"user_id\": \"bob\"}" >/dev/null
bob_key=$(call "$a_root" directory.v1.AccessKeyService/CreateAccessKey "{\"parent\": \"$A/users/bob\"}")
bob=$(sign_in "$(field accessKeyId <<<"$bob_key")" "$(field secret <<<"$bob_key")")
try_switch ACTION_NOT_ALLOWED "$bob"
echo "   the member itself, and somebody of another enterprise:"
try_switch SEAT_REQUIRED "$f_root"
try_switch RESOURCE_NOT_FOUND "$x_root"

echo "   a member that is a resource account already:"
refused MEMBER_TYPE_MISMATCH "$alice" directory.v1.MemberService/SwitchMemberType \
    "{\"name\": \"$directory/members/${D#accounts/}\", \"target_type\": \"ACCOUNT_TYPE_RESOURCE\"}"
echo "   a member that no code can be sent to:"
try_switch MISSING_SECURITY_INFO "$alice"
call "$f_root" directory.v1.SecurityInfoService/ChangeSecurityContact "{
    \"name\": \"$F/securityInfo\", \"channel\": \"SECURITY_CHANNEL_EMAIL\", \"address\": \"owner@example.com\"
}" | grep state
bound=$(sent_code "$F" BIND_EMAIL)
call "$f_root" directory.v1.SecurityInfoService/ConfirmSecurityContact "{
    \"name\": \"$F/securityInfo\", \"channel\": \"SECURITY_CHANNEL_EMAIL\", \"verification_code\": \"$bound\"
}" | field email
echo "   a member of another enterprise than A, which it does not become, or of the same under another name:"
verify_f() {
    "${@:3}" directory.v1.AccountService/VerifyEnterpriseIdentity "{
        \"name\": \"$F\",
        \"enterprise_identity\": {\"legal_name\": \"$1\", \"registration_number\": \"$2\", \"verifier\": \"walk\"}
    }"
}
verify_f Other Other-1 refused LEGAL_ENTITY_MISMATCH "$operator"
verify_f "Example Holding" Example-1 call "$operator" | grep legalName
try_switch LEGAL_ENTITY_MISMATCH "$alice"
verify_f Example Example-1 call "$operator" | grep legalName
echo "   a member with an access key in use; it is disabled, and its token is dead:"
try_switch ACCESS_KEY_IN_USE "$alice"
f_key=$(call "$f_root" directory.v1.AccessKeyService/ListAccessKeys "{\"parent\": \"$F/users/root\"}" |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["accessKeys"][0]["name"])')
call "$f_root" directory.v1.AccessKeyService/DisableAccessKey "{\"name\": \"$f_key\"}" >/dev/null
refused CREDENTIAL_REVOKED "$f_root" directory.v1.TokenService/GetCallerIdentity '{}'
echo "   without a word on the risk:"
refused RISK_NOT_ACKNOWLEDGED "$alice" directory.v1.MemberService/SwitchMemberType "{$to_resource}"
echo "   everything is checked, and nothing changes:"
call "$alice" directory.v1.MemberService/SwitchMemberType \
    "{$to_resource, \"acknowledge_risk\": true, \"validate_only\": true}" | field type

call "$alice" directory.v1.MemberService/RequestTypeSwitchVerification "{$to_resource}" | field maskedDestination
code=$(sent_code "$F" SWITCH_TO_RESOURCE_ACCOUNT)
switch="$to_resource, \"acknowledge_risk\": true"
echo "   without a code, and with one that was sent for something else:"
refused VERIFICATION_CODE_INVALID "$alice" directory.v1.MemberService/SwitchMemberType "{$switch}"
if [ "$bound" != "$code" ]; then
    refused VERIFICATION_CODE_INVALID "$alice" directory.v1.MemberService/SwitchMemberType \
        "{$switch, \"verification_code\": \"$bound\"}"
fi
call "$alice" directory.v1.MemberService/SwitchMemberType "{$switch, \"verification_code\": \"$code\"}" | field type
echo "   its root user is disabled, and the code is used:"
refused ROOT_USER_DISABLED "$operator" directory.v1.AccountService/CreateRootAccessKey "{\"account\": \"$F\"}"
refused VERIFICATION_CODE_INVALID "$alice" directory.v1.MemberService/SwitchMemberType "{
    \"name\": \"$f\", \"target_type\": \"ACCOUNT_TYPE_CLOUD\", \"acknowledge_risk\": true,
    \"verification_code\": \"$code\"
}"
echo "   who did it is on record:"
# on_record PATTERN REQUEST: what the trail shows. It follows what happens, a moment later.
on_record() {
    local turn
    for turn in $(seq 600); do
        if call "$a_root" audit.v1.AuditService/ListDirectoryAuditEntries "$2" | grep -E "$1"; then return; fi
        sleep 0.1
    done
    echo "after $turn times nothing is on record" >&2
    exit 1
}
on_record '"principal"' "{\"parent\": \"$directory\", \"filter\": \"method:SwitchMemberType\"}"

# ---------------------------------------------------------------------------------------------------------------------
step "Everything is on record"

refused ACTION_NOT_ALLOWED "$alice" audit.v1.AuditService/ListDirectoryAuditEntries "{\"parent\": \"$directory\"}"
on_record '"(method|principal)"' "{\"parent\": \"$directory\", \"page_size\": 5}"

printf '\nThe walk is over; everything was as it should be.\n'
