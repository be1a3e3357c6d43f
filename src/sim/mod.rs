//! Strict simulators of the vendors, spoken to over real HTTP; used by the tests, the benches and `firebell demo`.
//! They keep their own model and read raw requests: never a type of the clients, or they would prove nothing.

pub mod cachet;
pub mod desk;
pub mod monitors;
pub mod pagerduty;
pub mod scene;
mod served;
pub mod signed;
pub mod slack;
pub mod statuspage;
