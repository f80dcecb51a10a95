use std::sync::LazyLock;

use bailiwick_core::authz::Rule;
use proptest::prelude::*;
use prost_reflect::{DescriptorPool, FieldDescriptor, Kind, MessageDescriptor};

use super::*;

/// Random bytes of a message type, with what encoders never write and decoders must take: fields in any order, singular
/// fields and embedded messages more than once, unknown fields between.
struct Writer {
    state: u64,
}

impl Writer {
    fn next(&mut self, below: u64) -> u64 {
        // splitmix64
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }

    fn message(&mut self, descriptor: &MessageDescriptor, depth: usize) -> Vec<u8> {
        let fields: Vec<_> = descriptor.fields().collect();
        let mut out = Vec::new();
        for _ in 0..self.next(8) {
            if fields.is_empty() || self.next(8) == 0 {
                self.unknown(&mut out);
                continue;
            }
            let field = &fields[usize::try_from(self.next(fields.len() as u64)).unwrap()];
            self.field(field, depth, &mut out);
        }
        out
    }

    fn field(&mut self, field: &FieldDescriptor, depth: usize, out: &mut Vec<u8>) {
        let number = u64::from(field.number());
        match field.kind() {
            Kind::Message(_) if depth == 0 => {}
            Kind::Message(inner) => {
                let bytes = self.message(&inner, depth - 1);
                length_delimited(number, &bytes, out);
            }
            Kind::String => {
                let text = self.text();
                length_delimited(number, text.as_bytes(), out);
            }
            Kind::Bytes => length_delimited(number, &[0xff, 0x00], out),
            Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => {
                varint(number << 3 | 1, out);
                out.extend([0; 8]);
            }
            Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => {
                varint(number << 3 | 5, out);
                out.extend([0; 4]);
            }
            _ => {
                varint(number << 3, out);
                let value = self.next(2);
                varint(value, out);
            }
        }
    }

    fn unknown(&mut self, out: &mut Vec<u8>) {
        let number = 3_000 + self.next(1_000);
        match self.next(4) {
            0 => {
                varint(number << 3, out);
                varint(u64::MAX, out);
            }
            1 => {
                varint(number << 3 | 1, out);
                out.extend([0xff; 8]);
            }
            2 => {
                varint(number << 3 | 5, out);
                out.extend([0xff; 4]);
            }
            _ => length_delimited(number, &[0xff, 0xfe], out),
        }
    }

    fn text(&mut self) -> String {
        let texts = ["", "a", "directories/rd-0000000000001", "accounts/1000000000000001", "é", "accounts/2"];
        texts[usize::try_from(self.next(texts.len() as u64)).unwrap()].to_owned()
    }
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn length_delimited(number: u64, bytes: &[u8], out: &mut Vec<u8>) {
    varint(number << 3 | 2, out);
    varint(bytes.len() as u64, out);
    out.extend(bytes);
}

fn pool() -> DescriptorPool {
    static POOL: LazyLock<DescriptorPool> =
        LazyLock::new(|| DescriptorPool::decode(bailiwick_api::DESCRIPTORS).unwrap());
    POOL.clone()
}

fn readers(pool: &DescriptorPool) -> Vec<(&'static Rule, Plan, MessageDescriptor)> {
    let rules = bailiwick_api::rules().iter().filter(|rule| rule.reads_request());
    let readers: Vec<_> = rules
        .map(|rule| {
            let (service, method) = rule.method().split_once('/').unwrap();
            let service = pool.get_service_by_name(service).unwrap();
            let input = service.methods().find(|m| m.name() == method).unwrap().input();
            (rule, Plan::new(pool, rule).expect(rule.path), input)
        })
        .collect();
    assert!(!readers.is_empty());
    readers
}

#[test]
fn every_rule_of_the_contract_has_a_plan() {
    let pool = pool();
    for rule in bailiwick_api::rules().iter().chain(bailiwick_api::FOREIGN) {
        let plan = Plan::new(&pool, rule).unwrap_or_else(|| panic!("{}", rule.path));
        assert_eq!(plan.is_empty(), !rule.reads_request(), "{}", rule.path);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn gateway_and_service_read_the_same(seed: u64) {
        let pool = pool();
        let mut writer = Writer { state: seed };
        for (rule, plan, input) in readers(&pool) {
            for _ in 0..4 {
                let bytes = writer.message(&input, 3);
                let inspected = bailiwick_api::inspect(rule, &bytes);
                let inspected = inspected.unwrap_or_else(|e| panic!("{}: {e} {bytes:02x?}", rule.path));
                let scanned = plan.scan(&bytes);
                prop_assert_eq!(scanned.as_ref(), Ok(&inspected.targets), "{} {:02x?}", rule.path, bytes);
            }
        }
    }

    #[test]
    fn broken_requests_are_never_read_differently(seed: u64, flips in proptest::collection::vec(any::<(u16, u8)>(), 1..6), cut: u16) {
        let pool = pool();
        let mut writer = Writer { state: seed };
        for (rule, plan, input) in readers(&pool) {
            let mut bytes = writer.message(&input, 3);
            for (at, with) in &flips {
                let length = bytes.len().max(1);
                if let Some(byte) = bytes.get_mut(usize::from(*at) % length) {
                    *byte = *with;
                }
            }
            bytes.truncate(usize::from(cut) % (bytes.len() + 1));
            if let (Ok(scanned), Ok(inspected)) = (plan.scan(&bytes), bailiwick_api::inspect(rule, &bytes)) {
                prop_assert_eq!(scanned, inspected.targets, "{} {:02x?}", rule.path, bytes);
            }
        }
    }

    #[test]
    fn arbitrary_bytes_are_never_read_differently(bytes in proptest::collection::vec(any::<u8>(), 0..48)) {
        let pool = pool();
        for (rule, plan, _) in readers(&pool) {
            if let (Ok(scanned), Ok(inspected)) = (plan.scan(&bytes), bailiwick_api::inspect(rule, &bytes)) {
                prop_assert_eq!(scanned, inspected.targets, "{}", rule.path);
            }
        }
    }
}

fn plan(steps: &[(u32, bool)]) -> Plan {
    let steps = steps.iter().map(|&(number, repeated)| Step { number, repeated }).collect();
    Plan { accounts: vec![steps], ..Plan::default() }
}

#[test]
fn repeated_embedded_messages_are_read_one_by_one_and_singular_ones_as_one() {
    let item = |text: &str| {
        let mut out = Vec::new();
        length_delimited(2, text.as_bytes(), &mut out);
        out
    };
    let mut bytes = Vec::new();
    length_delimited(1, &item("a"), &mut bytes);
    length_delimited(1, &item("b"), &mut bytes);
    length_delimited(1, &[], &mut bytes);
    assert_eq!(plan(&[(1, true), (2, false)]).scan(&bytes).unwrap().accounts, ["a", "b", ""]);
    assert_eq!(plan(&[(1, false), (2, false)]).scan(&bytes).unwrap().accounts, ["b"]);
    assert_eq!(plan(&[(1, false), (2, true)]).scan(&bytes).unwrap().accounts, ["a", "b"]);
    assert_eq!(plan(&[(9, false), (2, true)]).scan(&bytes).unwrap().accounts, [""]);
    assert_eq!(plan(&[(9, true), (2, false)]).scan(&bytes).unwrap().accounts, Vec::<String>::new());
}

#[test]
fn what_decoders_may_take_differently_is_refused() {
    let cases: [(&[u8], ScanError); 12] = [
        (&[0x0a], ScanError::Truncated),
        (&[0x0a, 0x05, b'a'], ScanError::Truncated),
        (&[0x80], ScanError::Truncated),
        (&[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], ScanError::Truncated),
        (&[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02], ScanError::Malformed),
        (&[0x02, 0x00], ScanError::Malformed),
        (&[0x0e], ScanError::Malformed),
        (&[0x13, 0x14], ScanError::Group),
        (&[0x14], ScanError::Group),
        (&[0x08, 0x01], ScanError::WrongType),
        (&[0x0a, 0x01, 0xff], ScanError::NotUtf8),
        // Also in an occurrence that a later one replaces.
        (&[0x0a, 0x01, 0xff, 0x0a, 0x01, b'a'], ScanError::NotUtf8),
    ];
    for (bytes, error) in cases {
        assert_eq!(plan(&[(1, false)]).scan(bytes), Err(error), "{bytes:02x?}");
    }
}

#[test]
fn a_request_names_a_bounded_number_of_accounts() {
    let bytes = [0x0a, 0x00].repeat(MAX_VALUES + 1);
    assert_eq!(plan(&[(1, true)]).scan(&bytes), Err(ScanError::TooMany));
    assert_eq!(plan(&[(1, true)]).scan(&bytes[2..]).unwrap().accounts.len(), MAX_VALUES);
}
