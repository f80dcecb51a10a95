use proptest::prelude::*;

use super::*;
use crate::posture::domain::score_rules::{RuleList, Thresholds, Weights};

fn account(n: u64) -> AccountId {
    AccountId::try_from(1_000_000_000_000_000 + n).unwrap()
}

fn open(of: &[(Category, Severity, i64, i64)]) -> OpenRisks {
    let mut open = OpenRisks::default();
    of.iter().for_each(|(category, severity, age, risks)| open.add(*category, *severity, *age, *risks));
    open
}

// covers: E-SC-08
#[test]
fn bands_are_those_of_the_original() {
    let bands = [
        (100, Band::Excellent),
        (95, Band::Excellent),
        (94, Band::Good),
        (85, Band::Good),
        (84, Band::Fair),
        (70, Band::Fair),
        (69, Band::Poor),
        (0, Band::Poor),
    ];
    bands.into_iter().for_each(|(points, band)| assert_eq!(Band::of(points), band, "{points}"));
}

#[test]
fn rules_add_up_to_their_ceilings_and_categories_to_their_thresholds() {
    use Category::{Attack, Baseline, Vulnerability};
    use Severity::{Critical, High, Informational, Low, Medium};
    let rules = ScoreRules::default();
    let lost = |of: &[_]| 100 - rules.score(&open(of)).points;
    assert_eq!(lost(&[]), 0);
    assert_eq!(lost(&[(Baseline, Informational, 0, 1_000)]), 0, "no rule is about them");
    assert_eq!(lost(&[(Baseline, High, 0, 1)]), 2);
    assert_eq!(lost(&[(Baseline, High, 0, 1_000)]), 14, "the ceiling of the rule");
    assert_eq!(lost(&[(Vulnerability, Low, 0, 9)]), 0, "less than a point");
    assert_eq!(lost(&[(Vulnerability, Low, 0, 19)]), 1);
    let old = [(Vulnerability, Critical, 0, 2), (Vulnerability, Critical, 30, 1)];
    assert_eq!(lost(&old), 12 + 6, "an old one costs twice");
    let all = [(Attack, Critical, 0, 9), (Attack, High, 0, 9), (Attack, Medium, 0, 9)];
    assert_eq!(lost(&all), 20, "the threshold of the category");
    let score = rules.score(&open(&all));
    assert_eq!(score.deductions.iter().map(|d| (d.points, d.risks)).collect::<Vec<_>>(), [(20, 9), (15, 9), (8, 9)]);
    assert_eq!(score.categories.last(), Some(&(Attack, 20, 20)));
    assert_eq!(score.open, BySeverity { critical: 9, high: 9, medium: 9, ..BySeverity::default() });
}

#[test]
fn accounts_count_by_weight_and_the_ten_lowest_are_named() {
    let risky = open(&[(Category::Baseline, Severity::High, 0, 5)]);
    let (well, weights) = (OpenRisks::default(), Weights::new(&[(account(1), 3)]).unwrap());
    let rules = ScoreRules { weights, ..ScoreRules::default() };
    let none = rules.directory_score([]);
    assert_eq!((none.points, none.accounts), (100, 0));
    let both = rules.directory_score([(account(1), &risky), (account(2), &well)]);
    assert_eq!(both.points, (3 * 90 + 100) / 4);
    assert_eq!(both.bands, [(Band::Excellent, 1), (Band::Good, 1), (Band::Fair, 0), (Band::Poor, 0)]);
    assert_eq!(both.lowest, [(account(1), 90, 3), (account(2), 100, 1)]);
    assert_eq!(both.open.high, 5);
    let many = rules.directory_score((1..=12).map(|n| (account(n), if n > 6 { &risky } else { &well })));
    let lowest: Vec<_> = many.lowest.iter().map(|(account, ..)| *account).collect();
    let named = [7, 8, 9, 10, 11, 12, 1, 2, 3, 4].map(account);
    assert_eq!(lowest, named, "the lowest first, then the heaviest");
}

fn category() -> impl Strategy<Value = Category> {
    prop::sample::select(&Category::ALL[..])
}

fn severity() -> impl Strategy<Value = Severity> {
    prop::sample::select(&Severity::ALL[..])
}

prop_compose! {
    fn some_rules()(
        cuts in prop::collection::vec(0_i64..=100, 3),
        rules in prop::collection::vec((category(), severity(), 0_i64..3, 0_i64..=10_000, 0_i64..=100), 1..20),
    ) -> ScoreRules {
        let mut cuts = cuts;
        cuts.sort_unstable();
        let points = [cuts[0], cuts[1] - cuts[0], cuts[2] - cuts[1], 100 - cuts[2]];
        let thresholds: Vec<_> = Category::ALL.into_iter().zip(points).collect();
        let rule = |(category, severity, min_age_days, centipoints, max_points)| Rule {
            category, severity, min_age_days, centipoints, max_points,
        };
        ScoreRules {
            thresholds: Thresholds::new(&thresholds).unwrap(),
            rules: RuleList::new(rules.into_iter().map(rule).collect()).unwrap(),
            weights: Weights::default(),
        }
    }
}

prop_compose! {
    fn some_risks()(of in prop::collection::vec((category(), severity(), 0_i64..3, 0_i64..200), 0..30)) -> OpenRisks {
        open(&of)
    }
}

proptest! {
    #[test]
    fn a_score_is_what_its_categories_lost_and_within_its_bounds(rules in some_rules(), risks in some_risks()) {
        let score = rules.score(&risks);
        prop_assert!((0..=100).contains(&score.points));
        let (lost, most) = score.categories.iter().fold((0, 0), |sum, c| (sum.0 + c.1, sum.1 + c.2));
        prop_assert_eq!((score.points + lost, most), (100, 100));
        prop_assert!(score.categories.iter().all(|(_, lost, most)| (0..=*most).contains(lost)));
        for (category, lost, most) in &score.categories {
            let of_category = score.deductions.iter().filter(|d| d.rule.category == *category);
            prop_assert_eq!(of_category.map(|d| d.points).sum::<i64>().min(*most), *lost);
        }
    }

    #[test]
    fn more_risks_never_give_a_better_score(
        rules in some_rules(), risks in some_risks(), more in (category(), severity(), 0_i64..3, 1_i64..50),
    ) {
        let mut worse = risks.clone();
        worse.add(more.0, more.1, more.2, more.3);
        prop_assert!(rules.score(&worse).points <= rules.score(&risks).points);
    }

    #[test]
    fn a_directory_is_between_its_worst_and_its_best_account(
        rules in some_rules(), risks in prop::collection::vec(some_risks(), 1..8),
    ) {
        let scores: Vec<_> = risks.iter().map(|risks| rules.score(risks).points).collect();
        let of = rules.directory_score((0..).map(account).zip(&risks));
        prop_assert!(scores.iter().min() <= Some(&of.points) && Some(&of.points) <= scores.iter().max());
        prop_assert_eq!(of.bands.iter().map(|(_, accounts)| accounts).sum::<usize>(), risks.len());
    }
}
