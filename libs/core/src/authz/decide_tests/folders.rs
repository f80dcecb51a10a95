//! Administrators of a folder.

use super::{
    super::{ControlPolicy, Fact, Placement, Rule},
    world::{caller, delegated, delegated_for, enrolled, folder, gone, holds, membership, name, rule, world},
    *,
};

const FULL: [ControlPolicy; 1] = [ControlPolicy::FullAccess];

fn placed(letter: char, folder: &str) -> Fact {
    let Fact::Account { account, membership, placement } = membership(letter, Some(('1', "first"))) else { panic!() };
    Fact::Account { account, membership, placement: Placement { folder: folder.to_owned(), ..placement } }
}

/// E administers SASE for the folder `east`; C is in it, D in a folder within it, F beside it.
fn east() -> Snapshot {
    let mut world = world();
    let facts = [
        folder('1', "east", "root", &FULL),
        folder('1', "harbour", "east", &FULL),
        placed('C', "east"),
        placed('D', "harbour"),
        delegated_for('E', TrustedService::Sase, "first", Some("east")),
        enrolled('C', TrustedService::Sase, "first"),
    ];
    world.apply(8, facts.into_iter().map(holds));
    world
}

#[test]
fn an_administrator_of_a_folder_reaches_what_is_below_it() {
    check(
        &east(),
        "
        admin@E  add-sase       D1 C       -> allowed
        admin@E  add-sase       D1 D       -> allowed
        admin@E  add-sase       D1 C D     -> allowed
        admin@E  add-sase       D1 F       -> OUTSIDE_FOLDER_SCOPE
        admin@E  add-sase       D1 C F     -> OUTSIDE_FOLDER_SCOPE
        admin@E  add-sase       D1 E       -> OUTSIDE_FOLDER_SCOPE
        admin@E  add-sase       D1 N       -> ACCOUNT_NOT_IN_DIRECTORY
        admin@E  add-sase       D1         -> OUTSIDE_FOLDER_SCOPE
        admin@E  list-sase      D1         -> allowed
        admin@E  delete-sase    D1 C       -> allowed
        admin@E  delete-sase    D1 D       -> ACCOUNT_NOT_ENROLLED
        admin@E  get-member     D1         -> OUTSIDE_FOLDER_SCOPE
        admin@E  add-monitored  D1 C       -> SEAT_REQUIRED
        admin@A  add-sase       D1 F       -> allowed
        admin@A  add-sase       D1         -> allowed
        ",
    );
}

#[test]
fn a_permit_says_which_folders_it_reaches() {
    let mut world = east();
    let scope = |world: &Snapshot, line| call(world, line).unwrap().scope().clone();
    let folders = |ids: &[&str]| Scope::Folders(ids.iter().map(|id| (*id).to_owned()).collect());
    assert_eq!(scope(&world, "admin@E list-sase D1"), folders(&["east"]));
    assert_eq!(scope(&world, "admin@A list-sase D1"), Scope::Whole);
    let refusal = refused(&world, "admin@E add-sase D1 F");
    let expected = [("folder", name("D1/folders/east")), ("trusted_service", "sase".to_owned())];
    assert_eq!(refusal.metadata, expected);
    // Of any service: the folders of all of them, each once; the whole directory if it is that of one.
    let any = |world: &Snapshot| {
        let rule = Rule { scope_filtered: true, ..rule("get-member") };
        decide(&rule, &caller("admin@E"), world, &targets(&["D1"]), &ENVIRONMENT).unwrap().scope().clone()
    };
    assert_eq!(any(&world), folders(&["east"]));
    let more = |service, folder| holds(delegated_for('E', service, "first", folder));
    world.apply(
        9,
        [more(TrustedService::Bastionhost, Some("abroad")), more(TrustedService::ThreatAnalysis, Some("east"))],
    );
    assert_eq!(any(&world), folders(&["abroad", "east"]));
    world.apply(10, [more(TrustedService::ThreatAnalysis, None)]);
    assert_eq!(any(&world), Scope::Whole);
    assert_eq!(scope(&world, "admin@E list-sase D1"), folders(&["east"]));
}

#[test]
fn moves_and_designations_count_as_they_are_now() {
    let mut world = east();
    world.apply(9, [holds(placed('C', "home")), holds(placed('F', "harbour"))]);
    check(&world, "admin@E add-sase D1 C -> OUTSIDE_FOLDER_SCOPE\nadmin@E add-sase D1 F -> allowed");
    world.apply(10, [holds(folder('1', "harbour", "root", &FULL))]);
    check(&world, "admin@E add-sase D1 F -> OUTSIDE_FOLDER_SCOPE");
    world.apply(11, [holds(delegated('E', TrustedService::Sase, "first"))]);
    check(&world, "admin@E add-sase D1 F -> allowed\nadmin@E add-sase D1 -> allowed");
    world.apply(12, [gone(delegated_for('E', TrustedService::Sase, "", None))]);
    check(&world, "admin@E add-sase D1 F -> SEAT_REQUIRED");
}

#[test]
fn a_tree_that_is_not_one_holds_nobody() {
    for facts in [
        vec![folder('1', "harbour", "west", &FULL), folder('1', "west", "harbour", &FULL)],
        vec![folder('1', "harbour", "nowhere", &FULL)],
        vec![placed('D', "nowhere")],
        vec![placed('D', "")],
    ] {
        let mut world = east();
        world.apply(9, facts.into_iter().map(holds));
        check(&world, "admin@E add-sase D1 D -> OUTSIDE_FOLDER_SCOPE\nadmin@E add-sase D1 C -> allowed");
    }
}

#[test]
fn of_the_account_itself_or_its_administrator_the_owner_counts() {
    let mut world = east();
    let of_e = |folder| holds(delegated_for('E', TrustedService::ThreatAnalysis, "first", folder));
    world.apply(9, [of_e(Some("east")), holds(enrolled('F', TrustedService::ThreatAnalysis, "first"))]);
    check(
        &world,
        "
        admin@E  read-logs  C C -> allowed
        admin@E  read-logs  F F -> OUTSIDE_FOLDER_SCOPE
        admin@E  read-logs  F C -> OUTSIDE_FOLDER_SCOPE
        admin@E  read-logs  C F -> OUTSIDE_FOLDER_SCOPE
        admin@E  read-logs  C   -> allowed
        admin@E  read-logs  E E -> allowed
        admin@E  read-logs  D1 C -> allowed
        admin@E  read-logs  D1   -> OUTSIDE_FOLDER_SCOPE
        ",
    );
}
