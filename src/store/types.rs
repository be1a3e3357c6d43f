//! How our types are kept: native on each engine. Times are TIMESTAMPTZ on Postgres and INTEGER microseconds on
//! SQLite, where text times of different fraction lengths would sort wrongly.

use sqlx::encode::{Encode, IsNull};
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgTypeInfo, PgValueRef, Postgres};
use sqlx::sqlite::{Sqlite, SqliteArgumentsBuffer, SqliteTypeInfo, SqliteValueRef};
use sqlx::{Decode, Type};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::ids::{ChannelId, IncidentId, PagerDutyIncidentId, PagerDutyUserId, SlackUserId, UserGroupId};

/// Raw bytes: BYTEA or BLOB. Postgres text refuses NUL, so bodies from outside are kept as they came.
pub type Bytes = Vec<u8>;

/// JSONB on Postgres, TEXT on SQLite.
pub use sqlx::types::Json;

/// Postgres counts microseconds from 2000-01-01.
const PG_EPOCH_MICROS: i64 = 946_684_800_000_000;

impl Type<Postgres> for Timestamp {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("TIMESTAMPTZ")
    }
}

impl Encode<'_, Postgres> for Timestamp {
    fn encode_by_ref(&self, buf: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        <i64 as Encode<Postgres>>::encode(self.as_micros() - PG_EPOCH_MICROS, buf)
    }
}

impl<'r> Decode<'r, Postgres> for Timestamp {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        Ok(Self::from_micros(<i64 as Decode<Postgres>>::decode(value)? + PG_EPOCH_MICROS))
    }
}

impl Type<Sqlite> for Timestamp {
    fn type_info() -> SqliteTypeInfo {
        <i64 as Type<Sqlite>>::type_info()
    }
}

impl Encode<'_, Sqlite> for Timestamp {
    fn encode_by_ref(&self, buf: &mut SqliteArgumentsBuffer) -> Result<IsNull, BoxDynError> {
        <i64 as Encode<Sqlite>>::encode_by_ref(&self.as_micros(), buf)
    }
}

impl<'r> Decode<'r, Sqlite> for Timestamp {
    fn decode(value: SqliteValueRef<'r>) -> Result<Self, BoxDynError> {
        Ok(Self::from_micros(<i64 as Decode<Sqlite>>::decode(value)?))
    }
}

/// A newtype is kept as what it wraps.
macro_rules! kept_as {
    ($($name:ty => $inner:ty, $wrap:expr, $unwrap:expr);* $(;)?) => {$(
        $crate::store_as!($name, $inner, $wrap, $unwrap);
    )*};
}

/// Implements both engines' traits for a type that is stored as another one. `$unwrap` gives the stored value by
/// value or error-free conversion; `$wrap` may refuse with a text.
#[macro_export]
macro_rules! store_as {
    ($name:ty, $inner:ty, $wrap:expr, $unwrap:expr) => {
        $crate::store_as!(@one sqlx::Postgres, sqlx::postgres::PgArgumentBuffer, $name, $inner, $wrap, $unwrap);
        $crate::store_as!(@one sqlx::Sqlite, sqlx::sqlite::SqliteArgumentsBuffer, $name, $inner, $wrap, $unwrap);
    };
    (@one $db:ty, $buf:ty, $name:ty, $inner:ty, $wrap:expr, $unwrap:expr) => {
        impl sqlx::Type<$db> for $name {
            fn type_info() -> <$db as sqlx::Database>::TypeInfo {
                <$inner as sqlx::Type<$db>>::type_info()
            }
            fn compatible(ty: &<$db as sqlx::Database>::TypeInfo) -> bool {
                <$inner as sqlx::Type<$db>>::compatible(ty)
            }
        }
        impl<'q> sqlx::Encode<'q, $db> for $name {
            fn encode_by_ref(
                &self,
                buf: &mut $buf,
            ) -> Result<sqlx::encode::IsNull, sqlx::error::BoxDynError> {
                let unwrap: fn(&$name) -> $inner = $unwrap;
                <$inner as sqlx::Encode<$db>>::encode(unwrap(self), buf)
            }
        }
        impl<'r> sqlx::Decode<'r, $db> for $name {
            fn decode(
                value: <$db as sqlx::Database>::ValueRef<'r>,
            ) -> Result<Self, sqlx::error::BoxDynError> {
                let wrap: fn($inner) -> Result<$name, String> = $wrap;
                Ok(wrap(<$inner as sqlx::Decode<$db>>::decode(value)?)?)
            }
        }
    };
}

kept_as! {
    IncidentId => Uuid, |u| Ok(IncidentId(u)), |i| i.0;
    SlackUserId => String, |s| Ok(SlackUserId(s)), |i| i.0.clone();
    ChannelId => String, |s| Ok(ChannelId(s)), |i| i.0.clone();
    UserGroupId => String, |s| Ok(UserGroupId(s)), |i| i.0.clone();
    PagerDutyUserId => String, |s| Ok(PagerDutyUserId(s)), |i| i.0.clone();
    PagerDutyIncidentId => String, |s| Ok(PagerDutyIncidentId(s)), |i| i.0.clone();
}

/// An enum of ours, kept as its word. The words are a contract: they stand in the database.
#[macro_export]
macro_rules! word_enum {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$vmeta])* #[serde(rename = $word)] $variant),* }
        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.word())
            }
        }
        $crate::store_as!($name, String,
            |w| $name::from_word(&w).ok_or_else(|| format!(concat!("{:?} is no ", stringify!($name)), w)),
            |v| v.word().to_owned());
    };
}
