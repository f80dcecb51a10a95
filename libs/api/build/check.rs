//! Reads the authorization rule of each method from the descriptors and refuses what is not sound.
//!
//! What it refuses, and why: a method without a rule, since there is no default; a path that does not lead to a string
//! field, or leads through a oneof or a map, since the gateway reads it from the wire and must see what the service
//! sees; a resource whose names do not begin with their owner, since the owner is read from the name; a change without
//! `request_id`, since it could not be repeated safely; a list without paging, since its answer would have no bound.

use std::fmt::Write;

use bailiwick_core::{Role, TrustedService};
use prost_reflect::{
    DescriptorPool, DynamicMessage, ExtensionDescriptor, Kind, MessageDescriptor, MethodDescriptor, ReflectMessage,
    Value,
};

/// A checked rule, still owned.
#[derive(Debug)]
pub struct CheckedRule {
    pub path: String,
    pub role: Option<Role>,
    pub action: String,
    pub seat: String,
    pub trusted_service: Option<TrustedService>,
    pub resource: Option<Field>,
    pub accounts: Vec<Field>,
    pub enrolled: bool,
    pub operator_required: bool,
    pub also_requires: Vec<String>,
    pub audit: String,
    pub callers: Vec<Role>,
    pub scope_filtered: bool,
    pub external_id: Option<Field>,
    pub client_streaming: bool,
    pub server_streaming: bool,
}

/// A field of a request, by its path.
#[derive(Debug)]
pub struct Field {
    pub text: String,
    pub numbers: Vec<u32>,
}

const ANY_SERVICE: &str = "*";
const EVERY_ROLE: &str = "*";

/// The rules of all methods of bailiwick's own packages, or everything that is wrong with them.
pub fn rules(pool: &DescriptorPool) -> Result<Vec<CheckedRule>, Vec<String>> {
    let mut rules = Vec::new();
    let mut errors = Vec::new();
    for service in pool.services().filter(|s| s.full_name().starts_with("bailiwick.")) {
        for method in service.methods() {
            match rule(pool, &method) {
                Ok(rule) => rules.push(rule),
                Err(error) => errors.push(format!("{}: {error}", method.full_name())),
            }
        }
    }
    errors.extend(resource_errors(pool));
    rules.sort_by(|a, b| a.path.cmp(&b.path));
    if errors.is_empty() { Ok(rules) } else { Err(errors) }
}

fn rule(pool: &DescriptorPool, method: &MethodDescriptor) -> Result<CheckedRule, String> {
    let service = method.parent_service();
    let option = extension(pool, "bailiwick.options.v1.authz")?;
    if !method.options().has_extension(&option) {
        return Err("has no authorization rule (option bailiwick.options.v1.authz)".to_owned());
    }
    let options = method.options();
    let value = options.get_extension(&option);
    let authz = value.as_message().ok_or("the authorization rule is no message")?;

    let action = text(authz, "action");
    let suffix = action.split_once(':').map(|(_, name)| name);
    if suffix != Some(method.name()) {
        return Err(format!("the action `{action}` must be `{{service}}:{}`", method.name()));
    }
    let seat = enumerator(authz, "seat", "SEAT_")?;
    let audit = enumerator(authz, "audit", "AUDIT_")?;
    let trusted_service = trusted_service(&seat, &text(authz, "trusted_service"))?;
    let input = method.input();
    let resource = match text(authz, "resource") {
        path if path.is_empty() => None,
        path => Some(field(&input, &path, false)?),
    };
    let external_id = match text(authz, "external_id") {
        path if path.is_empty() => None,
        path => Some(field(&input, &path, false)?),
    };
    let accounts = texts(authz, "accounts").iter().map(|p| field(&input, p, true)).collect::<Result<Vec<_>, _>>()?;
    let checked = CheckedRule {
        path: format!("/{}/{}", service.full_name(), method.name()),
        role: role(pool, service)?,
        action,
        trusted_service,
        resource,
        accounts,
        enrolled: flag(authz, "enrolled"),
        operator_required: flag(authz, "operator_required"),
        also_requires: texts(authz, "also_requires"),
        callers: texts(authz, "callers").iter().map(|c| c.parse()).collect::<Result<_, _>>()?,
        scope_filtered: flag(authz, "scope_filtered"),
        external_id,
        client_streaming: method.is_client_streaming(),
        server_streaming: method.is_server_streaming(),
        seat,
        audit,
    };
    sound(&checked, &input)?;
    Ok(checked)
}

fn sound(rule: &CheckedRule, input: &MessageDescriptor) -> Result<(), String> {
    let seat = rule.seat.as_str();
    let internal = seat == "INTERNAL";
    let unbound = matches!(seat, "PUBLIC" | "AUTHENTICATED" | "PLATFORM_OPERATOR");
    if internal == rule.callers.is_empty() {
        return Err("`callers` goes with SEAT_INTERNAL, and only with it".to_owned());
    }
    if !internal && !unbound && rule.resource.is_none() {
        return Err(format!("SEAT_{seat} needs `resource`"));
    }
    if unbound && (rule.resource.is_some() || !rule.accounts.is_empty()) {
        return Err(format!("SEAT_{seat} looks at no resource and no accounts"));
    }
    if rule.enrolled && (rule.accounts.is_empty() || rule.trusted_service.is_none()) {
        return Err("`enrolled` needs `accounts` and one `trusted_service`".to_owned());
    }
    if rule.scope_filtered && seat != "ADMINISTRATOR" {
        return Err("`scope_filtered` goes with SEAT_ADMINISTRATOR only".to_owned());
    }
    if rule.external_id.is_some() && seat != "TRUSTED_PRINCIPAL" {
        return Err("`external_id` goes with SEAT_TRUSTED_PRINCIPAL only".to_owned());
    }
    if rule.role.is_none() && !internal {
        return Err("a service of every role is for the roles alone".to_owned());
    }
    if rule.audit == "WRITE" && !internal && input.get_field_by_name("request_id").is_none() {
        return Err("a method that changes state needs `request_id` (E-GW-06)".to_owned());
    }
    let lists = rule.path.rsplit('/').next().is_some_and(|name| name.starts_with("List"));
    let paged = input.get_field_by_name("page_size").is_some() && input.get_field_by_name("page_token").is_some();
    if lists && !paged && !rule.path.ends_with("/ListSigningKeys") {
        return Err("a list needs `page_size` and `page_token` (E-GW-08)".to_owned());
    }
    Ok(())
}

fn trusted_service(seat: &str, id: &str) -> Result<Option<TrustedService>, String> {
    let wanted = matches!(seat, "ADMINISTRATOR" | "OWN_ACCOUNT_OR_ADMINISTRATOR");
    match id {
        "" if wanted => Err(format!("SEAT_{seat} needs `trusted_service`")),
        "" => Ok(None),
        _ if !wanted => Err("`trusted_service` goes with administrator seats only".to_owned()),
        ANY_SERVICE => Ok(None),
        id => Ok(Some(id.parse()?)),
    }
}

fn field(input: &MessageDescriptor, path: &str, repeated: bool) -> Result<Field, String> {
    let mut message = input.clone();
    let mut numbers = Vec::new();
    let mut steps = path.split('.').peekable();
    while let Some(step) = steps.next() {
        let field = message.get_field_by_name(step);
        let field = field.ok_or_else(|| format!("`{path}`: {} has no field `{step}`", message.full_name()))?;
        if field.containing_oneof().is_some() || field.is_map() {
            return Err(format!("`{path}`: `{step}` is in a oneof or a map"));
        }
        if field.is_list() && !repeated {
            return Err(format!("`{path}`: `{step}` is repeated, and names one resource"));
        }
        numbers.push(field.number());
        match (field.kind(), steps.peek()) {
            (Kind::String, None) => return Ok(Field { text: path.to_owned(), numbers }),
            (Kind::Message(next), Some(_)) => message = next,
            _ => return Err(format!("`{path}` does not lead to a string field")),
        }
    }
    Err(format!("`{path}` is empty"))
}

fn role(pool: &DescriptorPool, service: &prost_reflect::ServiceDescriptor) -> Result<Option<Role>, String> {
    let option = extension(pool, "bailiwick.options.v1.role")?;
    let options = service.options();
    let value = options.get_extension(&option);
    match value.as_str().unwrap_or_default() {
        "" => Err("its service has no role (option bailiwick.options.v1.role)".to_owned()),
        EVERY_ROLE => Ok(None),
        role => role.parse().map(Some),
    }
}

fn resource_errors(pool: &DescriptorPool) -> Vec<String> {
    let Ok(option) = extension(pool, "google.api.resource") else { return Vec::new() };
    let mut errors = Vec::new();
    for message in pool.all_messages().filter(|m| m.options().has_extension(&option)) {
        let options = message.options();
        let value = options.get_extension(&option);
        let patterns = value.as_message().map(|m| texts(m, "pattern")).unwrap_or_default();
        let owned = |pattern: &String| {
            let rest = pattern.strip_prefix("accounts/{account}").or(pattern.strip_prefix("directories/{directory}"));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if patterns.is_empty() || !patterns.iter().all(owned) {
            errors
                .push(format!("{}: a resource name begins with its owning account or directory", message.full_name()));
        }
    }
    errors
}

fn extension(pool: &DescriptorPool, name: &str) -> Result<ExtensionDescriptor, String> {
    pool.get_extension_by_name(name).ok_or_else(|| format!("the contract does not declare {name}"))
}

fn text(message: &DynamicMessage, field: &str) -> String {
    message.get_field_by_name(field).and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

fn texts(message: &DynamicMessage, field: &str) -> Vec<String> {
    let value = message.get_field_by_name(field);
    let list = value.as_ref().and_then(|v| v.as_list()).unwrap_or_default();
    list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn flag(message: &DynamicMessage, field: &str) -> bool {
    message.get_field_by_name(field).and_then(|v| v.as_bool()).unwrap_or_default()
}

fn enumerator(message: &DynamicMessage, field: &str, prefix: &str) -> Result<String, String> {
    let number = message.get_field_by_name(field).and_then(|v| v.as_enum_number()).unwrap_or_default();
    let Some(Kind::Enum(kind)) = message.descriptor().get_field_by_name(field).map(|f| f.kind()) else {
        return Err(format!("`{field}` is no enum"));
    };
    let value = kind.get_value(number).filter(|v| v.number() != 0);
    let value = value.ok_or_else(|| format!("`{field}` is not set"))?;
    Ok(value.name().trim_start_matches(prefix).to_owned())
}

/// The rules as a Rust table.
pub fn as_rust(rules: &[CheckedRule]) -> String {
    let mut out = String::from("static RULES: &[Rule] = &[\n");
    for rule in rules {
        let _ = writeln!(
            out,
            "Rule {{ path: {:?}, role: {}, action: {:?}, seat: Seat::{}, trusted_service: {}, resource: {}, \
             accounts: &[{}], enrolled: {}, operator_required: {}, also_requires: &{:?}, audit: Audit::{}, \
             callers: &[{}], scope_filtered: {}, external_id: {}, client_streaming: {}, server_streaming: {} }},",
            rule.path,
            rule.role.map_or("None".to_owned(), |r| format!("Some(Role::{r:?})")),
            rule.action,
            camel(&rule.seat),
            rule.trusted_service.map_or("None".to_owned(), |s| format!("Some(TrustedService::{s:?})")),
            rule.resource.as_ref().map_or("None".to_owned(), |f| format!("Some({})", field_as_rust(f))),
            rule.accounts.iter().map(field_as_rust).collect::<Vec<_>>().join(", "),
            rule.enrolled,
            rule.operator_required,
            rule.also_requires,
            camel(&rule.audit),
            rule.callers.iter().map(|r| format!("Role::{r:?}")).collect::<Vec<_>>().join(", "),
            rule.scope_filtered,
            rule.external_id.as_ref().map_or("None".to_owned(), |f| format!("Some({})", field_as_rust(f))),
            rule.client_streaming,
            rule.server_streaming,
        );
    }
    out.push_str("];\n");
    out
}

fn field_as_rust(field: &Field) -> String {
    format!("FieldPath {{ text: {:?}, numbers: &{:?} }}", field.text, field.numbers)
}

fn camel(upper_snake: &str) -> String {
    let word = |w: &str| w.chars().take(1).chain(w.to_lowercase().chars().skip(1)).collect::<String>();
    upper_snake.split('_').map(word).collect()
}
