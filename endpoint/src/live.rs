//! The settings in force, and which bases are up. A request reads them by one atomic load; who replaces them waits for
//! nobody.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use crate::health::Health;
use crate::settings::Settings;
use crate::sight::Sight;

/// What every request is decided by, until it is replaced.
#[derive(Clone, Debug)]
pub struct Live {
    view: Arc<ArcSwap<View>>,
    /// What is counted and logged goes on when they are replaced.
    sight: Arc<Sight>,
}

/// Settings and the health of their bases: one belongs to the other, so they change together.
#[derive(Debug)]
pub struct View {
    /// The settings.
    pub settings: Settings,
    /// Which of their bases are up.
    pub health: Health,
}

impl Live {
    /// What is in force at this moment. A request holds on to it until it is answered.
    pub fn view(&self) -> Guard<Arc<View>> {
        self.view.load()
    }

    /// What is counted and logged.
    pub fn sight(&self) -> &Sight {
        &self.sight
    }

    /// From the next request on.
    pub(crate) fn replace(&self, settings: Settings, health: Health) {
        self.view.store(Arc::new(View { settings, health }));
    }
}

/// With every base taken to be up, until somebody watches them.
impl From<Settings> for Live {
    fn from(settings: Settings) -> Self {
        let sight = Arc::new(Sight::new(settings.access_log));
        Self { view: Arc::new(ArcSwap::from_pointee(View { settings, health: Health::default() })), sight }
    }
}
