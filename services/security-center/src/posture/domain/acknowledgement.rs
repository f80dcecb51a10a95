//! Accepting a risk for a time, and taking that back.

use bailiwick_core::Timestamp;

use super::{Acknowledgement, Risk, RiskError};

impl Risk {
    /// Accepts it; what was said before is replaced. One that a rule suppresses stays so, and is acknowledged when the rule
    /// is gone.
    ///
    /// # Errors
    /// [`RiskError::State`] if it is fixed; [`RiskError::EtagMismatch`].
    pub(crate) fn acknowledge(
        &mut self,
        etag: &str,
        acknowledgement: Acknowledgement,
        now: Timestamp,
    ) -> Result<(), RiskError> {
        self.check_etag(etag)?;
        if self.fix_time.is_some() {
            return Err(self.wrong_state());
        }
        self.acknowledgement = Some(acknowledgement);
        self.changed(now);
        Ok(())
    }

    /// It is no longer accepted.
    ///
    /// # Errors
    /// [`RiskError::State`] if it was not; [`RiskError::EtagMismatch`].
    pub(crate) fn withdraw(&mut self, etag: &str, now: Timestamp) -> Result<(), RiskError> {
        self.check_etag(etag)?;
        if self.fix_time.is_some() || self.acknowledgement.as_ref().is_none_or(|known| known.until <= now) {
            return Err(self.wrong_state());
        }
        self.acknowledgement = None;
        self.changed(now);
        Ok(())
    }

    /// What was accepted until before now is open again. Tells whether it was.
    pub(crate) fn expire(&mut self, now: Timestamp) -> bool {
        let due = self.acknowledgement.take_if(|known| known.until <= now).is_some();
        if due {
            self.changed(now);
        }
        due
    }

    /// The rule that suppresses it is this one now; none if it is empty. Tells whether that is another than before.
    pub(crate) fn suppress(&mut self, rule: &str, now: Timestamp) -> bool {
        let other = self.suppression_rule != rule;
        if other {
            rule.clone_into(&mut self.suppression_rule);
            self.changed(now);
        }
        other
    }

    fn changed(&mut self, now: Timestamp) {
        self.version += 1;
        self.settle(now);
    }

    fn check_etag(&self, etag: &str) -> Result<(), RiskError> {
        if etag.is_empty() || self.etag() == etag { Ok(()) } else { Err(RiskError::EtagMismatch(self.name())) }
    }

    fn wrong_state(&self) -> RiskError {
        RiskError::State(self.name(), self.state)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::posture::domain::{Category, Severity, State, testing};

    const NOW: Timestamp = Timestamp::from_micros(1_000_000);

    fn accepted(seconds: u64) -> Acknowledgement {
        let until = NOW.after(Duration::from_secs(seconds));
        Acknowledgement { reason: "known".into(), until, operator: "o".into(), time: NOW }
    }

    fn risk() -> Risk {
        testing::risk(11, "a", Category::Baseline, Severity::High)
    }

    #[test]
    fn a_risk_is_accepted_for_a_time() {
        let mut risk = risk();
        risk.acknowledge("1", accepted(10), NOW).unwrap();
        assert_eq!((risk.state, risk.etag().as_str()), (State::Acknowledged, "2"));
        assert_eq!(risk.acknowledge("1", accepted(10), NOW), Err(RiskError::EtagMismatch(risk.name())));
        assert!(!risk.expire(NOW.after(Duration::from_secs(9))));
        assert!(risk.expire(NOW.after(Duration::from_secs(10))));
        assert_eq!((risk.state, &risk.acknowledgement), (State::Open, &None));
        assert!(!risk.expire(NOW.after(Duration::from_secs(10))));
        assert_eq!(risk.withdraw("", NOW), Err(RiskError::State(risk.name(), State::Open)));
        risk.acknowledge("", accepted(10), NOW).unwrap();
        risk.withdraw(&risk.etag(), NOW).unwrap();
        assert_eq!(risk.state, State::Open);
    }

    #[test]
    fn what_is_fixed_is_not_accepted() {
        let mut risk = risk();
        assert!(risk.missed(NOW.after(Duration::from_secs(1)), NOW));
        assert_eq!(risk.acknowledge("", accepted(10), NOW), Err(RiskError::State(risk.name(), State::Fixed)));
    }

    #[test]
    fn a_rule_goes_before_an_acknowledgement() {
        let mut risk = risk();
        assert!(risk.suppress("r", NOW));
        assert!(!risk.suppress("r", NOW));
        risk.acknowledge("", accepted(10), NOW).unwrap();
        assert_eq!(risk.state, State::Suppressed);
        assert!(risk.suppress("", NOW));
        assert_eq!(risk.state, State::Acknowledged);
    }
}
