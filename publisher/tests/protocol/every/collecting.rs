//! A collector, in the order of `Collect::run` and `Sweep::run`; one long after another, as often as they like.

use super::search::Next;
use super::state::{Collecting, Collector, LAYER, SHIFT, Set, State, among, bit, link, manifest, parts};
use super::{Protocol, Wrong};

/// What is still to be listed: the list of contents, tags, and revision links by their [`bit`].
const CONTENTS: u8 = 1;
const TAGS: [u8; 3] = [1 << 5, 1 << 6, 1 << 7];

/// What is no promise.
const CONTENT: Set = bit(LAYER) | bit(manifest(0)) | bit(manifest(1));

/// What the collector may do next.
pub(super) struct Sweeping<'a> {
    pub(super) protocol: &'a Protocol,
    pub(super) state: &'a State,
    pub(super) next: &'a mut Vec<Next>,
}

impl Sweeping<'_> {
    pub(super) fn steps(&mut self) {
        let me = self.state.collector;
        match me.collecting {
            Collecting::Ended => return self.begin(),
            Collecting::Listing => self.list(),
            Collecting::Links | Collecting::Contents if me.window.is_none() => self.open(),
            Collecting::Links | Collecting::Contents if me.look != 0 => self.look(),
            Collecting::Links | Collecting::Contents => self.delete(),
        }
        // `Run::end`: after a failure, too, so at any moment.
        self.go("the collector ends", Collector::gone(Collecting::Ended, 0));
    }

    fn is(&self, wrong: Wrong) -> bool {
        self.protocol.wrong == Some(wrong)
    }

    fn go(&mut self, what: &'static str, me: Collector) {
        self.go_in(what, *self.state, me);
    }

    fn go_in(&mut self, what: &'static str, state: State, me: Collector) {
        self.next.push((what, State { collector: me, ..state }));
    }

    /// `Run::begin`: it reads what another one said, then the clock, and then writes what it says.
    ///
    /// That contents are listed decides nothing: what was old then, and goes, is looked at again, and is no younger. Who
    /// takes all of them to be listed removes no less.
    fn begin(&mut self) {
        let links = if self.protocol.same { bit(link(0)) } else { bit(link(0)) | bit(link(1)) };
        let (mut unlisted, mut old) = (links | TAGS[0] | TAGS[1] | TAGS[2], CONTENT);
        if self.is(Wrong::NoSecondLook) {
            (unlisted, old) = (unlisted | CONTENTS, 0);
        }
        // Another one that has ended is forgotten first. Who says late that it has begun has no time to remove anything.
        let ages = if self.state.collector.age == self.protocol.long_ago() { 0..SHIFT + 1 } else { 0..0 };
        for age in ages {
            let begun = Collector { unlisted, old, ..Collector::gone(Collecting::Listing, age) };
            self.go("a collector begins", begun);
        }
    }

    /// `Stock::read`, `roots::read`: of a repository its revision links before its tags, whichever comes first.
    fn list(&mut self) {
        let me = self.state.collector;
        if me.unlisted & CONTENTS != 0 {
            let old = among(CONTENT).filter(|object| self.state.may_be_over(*object));
            let old = old.fold(0, |old, object| old | bit(object));
            return self.go("lists contents", Collector { old, unlisted: me.unlisted & !CONTENTS, ..me });
        }
        for image in 0..2 {
            if me.unlisted & bit(link(image)) != 0 {
                self.list_link(image, link(image));
            } else {
                self.list_tags(image);
            }
        }
    }

    fn list_link(&mut self, image: usize, object: usize) {
        let mut me = self.state.collector;
        me.unlisted &= !bit(object);
        if !self.state.is_there(object) {
            self.go("lists no revision link", me);
        }
        if self.state.is_there(object) {
            self.go("lists a young revision link", Collector { roots: me.roots | bit(image), ..me });
        }
        if self.state.may_be_over(object) {
            let old = Collector { old: me.old | bit(object), ..me };
            self.go("lists an old revision link", old);
        }
    }

    fn list_tags(&mut self, image: usize) {
        let me = self.state.collector;
        for (tag, bit_of_tag) in TAGS.into_iter().enumerate() {
            if me.unlisted & bit_of_tag != 0 && self.protocol.tagged(tag) == image {
                let roots = me.roots | if self.state.tags[tag] { bit(image) } else { 0 };
                self.go("lists a tag", Collector { unlisted: me.unlisted & !bit_of_tag, roots, ..me });
            }
        }
    }

    /// `Sweep::in_time`, and the beginning of `Sweep::remove_some`.
    fn open(&mut self) {
        let me = self.state.collector;
        if me.look == 0 {
            return;
        }
        if me.age <= SHIFT || self.is(Wrong::Endless) {
            let mut state = *self.state;
            state.publishers.iter_mut().for_each(|publisher| publisher.after_a_look = false);
            let opened = Collector { window: Some(0), ..me };
            if self.is(Wrong::NoSecondLook) {
                self.go_in("is sure", state, Collector { look: 0, doomed: me.look, ..opened });
            } else {
                self.go_in("begins to look", state, opened);
            }
        }
        // The end of `Sweep::remove`: what is not known to be gone stays.
        if me.collecting == Collecting::Links {
            let left = [0, 1].into_iter().filter(|image| me.look & bit(link(*image)) != 0);
            let roots = left.fold(me.roots, |roots, image| roots | bit(image));
            self.go("leaves links", Collector { look: 0, roots, ..me });
        }
    }

    /// The looks of `Sweep::remove_some`, in any order; `Sweep::spare`.
    fn look(&mut self) {
        let me = self.state.collector;
        for object in among(me.look) {
            let rest = Collector { look: me.look & !bit(object), ..me };
            if !self.state.is_there(object) {
                self.go("looks for something gone", rest);
            }
            if self.state.is_there(object) {
                let of = [0, 1].into_iter().find(|image| link(*image) == object);
                let roots = me.roots | of.map_or(0, bit);
                self.go("spares something young", Collector { roots, ..rest });
            }
            if self.state.may_be_over(object) {
                let doomed = Collector { doomed: me.doomed | bit(object), ..rest };
                self.go("sees that something is old", doomed);
            }
        }
    }

    /// `Store::delete_many`: each at any moment of the window.
    fn delete(&mut self) {
        let me = self.state.collector;
        for object in among(me.doomed) {
            let mut state = *self.state;
            state.objects &= !bit(object);
            self.go_in("removes", state, Collector { doomed: me.doomed & !bit(object), ..me });
        }
    }
}

/// What follows without looking at anything: `mark`, and the order of `Sweep::run`.
pub(super) fn settled(protocol: &Protocol, mut me: Collector) -> Collector {
    let (roots, others): (Vec<_>, Vec<_>) = [0, 1].into_iter().partition(|image| me.roots & bit(*image) != 0);
    if me.look == 0 && me.doomed == 0 {
        me.window = None;
    }
    for (tag, listed) in TAGS.into_iter().enumerate() {
        // It changes nothing any longer.
        if roots.contains(&protocol.tagged(tag)) {
            me.unlisted &= !listed;
        }
    }
    if me.collecting == Collecting::Listing && me.unlisted == 0 {
        me.collecting = Collecting::Links;
        me.look = me.old & others.iter().fold(0, |out, image| out | bit(link(*image)));
    }
    if me.collecting == Collecting::Links && me.look == 0 && me.doomed == 0 {
        me.collecting = Collecting::Contents;
        me.look = me.old & roots.iter().fold(CONTENT, |out, image| out & !parts(*image));
        (me.old, me.roots) = (0, 0);
    }
    // It can do nothing but end.
    let is_late = me.age > SHIFT && me.window.is_none() && protocol.wrong != Some(Wrong::Endless);
    let at_work = me.collecting != Collecting::Ended;
    if is_late && at_work { Collector::gone(Collecting::Contents, me.age) } else { me }
}
