// A client of bailiwick in Go: go run . ADDRESS OPERATOR_FILE, by run.sh, which makes the stubs.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"

	audit "bailiwick.dev/api/bailiwick/audit/v1"
	directory "bailiwick.dev/api/bailiwick/directory/v1"
	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// Of each call.
const deadline = 10 * time.Second

const consistencyToken = "bailiwick-consistency-token"

type key struct {
	ID     string `json:"access_key_id"`
	Secret string `json:"secret"`
}

func main() {
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(address, operatorFile string) error {
	// Where the gateway has a certificate: credentials.NewClientTLSFromFile.
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	background, cancel := context.WithTimeout(context.Background(), 12*deadline)
	defer cancel()

	// The operator of the platform registers an account, attests whose it is, and hands out its first key.
	text, err := os.ReadFile(operatorFile)
	if err != nil {
		return err
	}
	var own key
	if err := json.Unmarshal(text, &own); err != nil {
		return err
	}
	operator, err := signIn(background, connection, own)
	if err != nil {
		return err
	}
	accounts := directory.NewAccountServiceClient(connection)
	account, err := accounts.CreateAccount(operator, &directory.CreateAccountRequest{
		Account: &directory.Account{DisplayName: "go", Provider: "aliyun", ExternalId: "go-" + uuid.NewString()},
	})
	if err != nil {
		return err
	}
	_, err = accounts.VerifyEnterpriseIdentity(operator, &directory.VerifyEnterpriseIdentityRequest{
		Name: account.Name,
		EnterpriseIdentity: &directory.EnterpriseIdentity{
			LegalName: "Example", RegistrationNumber: "1", Verifier: "example",
		},
	})
	if err != nil {
		return err
	}
	first, err := accounts.CreateRootAccessKey(operator, &directory.CreateRootAccessKeyRequest{Account: account.Name})
	if err != nil {
		return err
	}

	// The account enables a directory, and is its management account from then on.
	root, err := signIn(background, connection, key{ID: first.AccessKeyId, Secret: first.Secret})
	if err != nil {
		return err
	}
	enabled, err := directory.NewDirectoryServiceClient(connection).CreateDirectory(root,
		&directory.CreateDirectoryRequest{Account: account.Name})
	if err != nil {
		return err
	}
	if err := follow(root, connection, account.Name, enabled.Name); err != nil {
		return err
	}
	return refusals(root, operator, connection, enabled.Name)
}

// signIn turns an access key into a context whose calls carry its token.
func signIn(ctx context.Context, connection *grpc.ClientConn, with key) (context.Context, error) {
	token, err := directory.NewTokenServiceClient(connection).CreateToken(ctx,
		&directory.CreateTokenRequest{AccessKeyId: with.ID, Secret: with.Secret})
	if err != nil {
		return nil, err
	}
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token.AccessToken), nil
}

// follow creates members while it watches the audit trail, and pages through them.
func follow(root context.Context, connection *grpc.ClientConn, account, parent string) error {
	ctx, stop := context.WithCancel(root)
	defer stop()
	watch, err := audit.NewAuditServiceClient(connection).WatchDirectoryAuditEntries(ctx,
		&audit.WatchDirectoryAuditEntriesRequest{Parent: parent, Filter: "method:MemberService"})
	if err != nil {
		return err
	}
	// The first answer says that the watch has begun.
	if _, err := watch.Recv(); err != nil {
		return err
	}

	// A request with an id may be repeated: whoever did not see the answer sends it again.
	members := directory.NewMemberServiceClient(connection)
	request := &directory.CreateMemberRequest{
		Parent: parent, Member: &directory.Member{DisplayName: "first"}, RequestId: uuid.NewString(),
	}
	created, err := members.CreateMember(root, request)
	if err != nil {
		return err
	}
	again, err := members.CreateMember(root, request)
	if err != nil {
		return err
	}
	if !proto.Equal(created, again) {
		return fmt.Errorf("created twice: %v, %v", created, again)
	}

	// An answer to a change carries a token: whoever sends it back sees that change, wherever the call is served.
	var header metadata.MD
	second, err := members.CreateMember(root, &directory.CreateMemberRequest{
		Parent: parent, Member: &directory.Member{DisplayName: "second"},
	}, grpc.Header(&header))
	if err != nil {
		return err
	}
	seen := metadata.AppendToOutgoingContext(root, consistencyToken, header.Get(consistencyToken)[0])
	var listed []string
	for token, more := "", true; more; more = token != "" {
		page, err := members.ListMembers(seen, &directory.ListMembersRequest{Parent: parent, PageSize: 1, PageToken: token})
		if err != nil {
			return err
		}
		for _, member := range page.Members {
			listed = append(listed, member.Name)
		}
		token = page.NextPageToken
	}
	expected := []string{created.Name, second.Name}
	slices.Sort(expected)
	slices.Sort(listed)
	if !slices.Equal(listed, expected) {
		return fmt.Errorf("listed %v, not %v", listed, expected)
	}

	var watched []string
	for len(watched) < 2 {
		batch, err := watch.Recv()
		if err != nil {
			return err
		}
		for _, entry := range batch.AuditEntries {
			watched = append(watched, entry.Resource)
		}
	}
	slices.Sort(watched)
	if !slices.Equal(watched, expected) {
		return fmt.Errorf("watched %v, not %v", watched, expected)
	}
	fmt.Printf("%s manages %s with %d members\n", account, parent, len(listed))
	return nil
}

// refusals reads why calls are refused: google.rpc.ErrorInfo, and for wrong fields google.rpc.BadRequest.
func refusals(root, operator context.Context, connection *grpc.ClientConn, parent string) error {
	members := directory.NewMemberServiceClient(connection)
	_, err := members.CreateMember(operator, &directory.CreateMemberRequest{
		Parent: parent, Member: &directory.Member{DisplayName: "third"},
	})
	info := detail[*errdetails.ErrorInfo](err)
	if status.Code(err) != codes.PermissionDenied || info.GetReason() != "SEAT_REQUIRED" ||
		info.GetMetadata()["required_seat"] != "MANAGEMENT_ACCOUNT" {
		return fmt.Errorf("refused otherwise: %w", err)
	}
	_, err = members.CreateMember(root, &directory.CreateMemberRequest{
		Parent: parent, Member: &directory.Member{DisplayName: "x"},
	})
	wrong := detail[*errdetails.BadRequest](err).GetFieldViolations()
	if status.Code(err) != codes.InvalidArgument || len(wrong) != 1 || wrong[0].Field != "member.display_name" {
		return fmt.Errorf("refused otherwise: %w", err)
	}
	return nil
}

// detail finds the detail of a type in the status of a failed call.
func detail[D any](err error) D {
	for _, found := range status.Convert(err).Details() {
		if detail, ok := found.(D); ok {
			return detail
		}
	}
	var none D
	return none
}
