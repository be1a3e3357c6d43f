//! Replaced at the merge.
use super::{Client, OnCall};
use crate::clock::Timestamp;
use crate::error::Upstream;
impl Client {
    pub async fn oncalls_shim(
        &self,
        p: &[String],
        s: &[String],
        _since: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Result<Vec<OnCall>, Upstream> {
        self.oncalls(p, s, until).await
    }
    pub async fn schedules(&self) -> Result<Vec<crate::ids::PagerDutyUserId>, Upstream> {
        Ok(Vec::new())
    }
    pub async fn on_schedule(
        &self,
        _id: &str,
        _v3: bool,
        _since: Timestamp,
        _until: Option<Timestamp>,
    ) -> Result<Vec<OnCall>, Upstream> {
        Ok(Vec::new())
    }
}
