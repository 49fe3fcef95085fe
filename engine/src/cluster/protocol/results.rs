//! The results of tasks in flight: they come in parts, within bounds, and may be refused.

use std::time::Duration;

use super::draft::{Draft, MOST_DRAFTED, MOST_DRAFTS, PART_COST};
use super::in_flight::{Act, InFlight, TaskState};
use super::wire::ResultPart;

impl<T> InFlight<T> {
    /// What drafts cost, and what they may.
    #[cfg(any(fuzzing, test))]
    pub(in crate::cluster) fn drafted(&self) -> (usize, usize) {
        let most = self.tasks.values().map(|entry| entry.most * MOST_DRAFTS).sum::<usize>();
        (self.drafted, most.min(MOST_DRAFTED))
    }

    /// A part of a result came. What is of another run, comes twice or belongs to what was refused is acknowledged
    /// and no more.
    pub(in crate::cluster) fn result(&mut self, part: ResultPart, token: T, now: Duration) -> Vec<Act<T>> {
        let (task, nonce) = (part.task, part.nonce);
        let entry = self.tasks.get_mut(&task).filter(|_| part.epoch == self.epoch);
        let Some(entry) = entry.filter(|entry| part.part < part.parts && !entry.has_refused(nonce)) else {
            return vec![Act::Release(token)];
        };
        let mut acts = Vec::new();
        if entry.drafts.len() == MOST_DRAFTS && entry.draft(nonce).is_none() {
            acts.extend(self.drop_draft(task, 0));
        }
        let Some(entry) = self.tasks.get_mut(&task) else { return acts };
        let index = entry.draft(nonce).unwrap_or_else(|| {
            entry.drafts.push(Draft::new(nonce, part.parts));
            entry.drafts.len() - 1
        });
        let (size, most) = (part.body.len(), entry.most);
        let draft = &mut entry.drafts[index];
        // It came before, or does not fit what came before.
        if part.parts != draft.all || draft.parts.contains_key(&part.part) {
            acts.push(Act::Release(token));
            return acts;
        }
        let cost = size + PART_COST;
        if draft.cost + cost > most || (draft.all as usize).saturating_mul(PART_COST) > most {
            acts.push(Act::Release(token));
            acts.extend(self.drop_draft(task, index));
            acts.extend(self.refuse(task, nonce, now));
            acts.push(Act::TooLarge { task });
            return acts;
        }
        draft.parts.insert(part.part, part.body);
        draft.cost += cost;
        self.drafted += cost;
        if self.held + size <= self.most {
            self.held += size;
            draft.held += size;
            draft.tokens.push(token);
        } else {
            acts.push(Act::Release(token));
        }
        if draft.parts.len() < draft.all as usize {
            acts.extend(self.make_room(most));
            return acts;
        }
        let draft = entry.drafts.remove(index);
        self.drafted -= draft.cost;
        let (parts, tokens, held) = (draft.parts.into_values().collect(), draft.tokens, draft.held);
        acts.push(Act::Done { task, nonce, parts, tokens, held });
        acts
    }

    /// Drops the largest drafts while all of them cost too much.
    fn make_room(&mut self, most: usize) -> Vec<Act<T>> {
        let mut acts = Vec::new();
        while self.drafted > MOST_DRAFTED.max(most) {
            let drafts = self.tasks.iter().flat_map(|(task, entry)| {
                entry.drafts.iter().enumerate().map(|(index, draft)| (draft.cost, *task, index))
            });
            let Some((_, task, index)) = drafts.max() else { break };
            acts.extend(self.drop_draft(task, index));
        }
        acts
    }

    /// Gives up a draft: the rest of it is not waited for any more.
    fn drop_draft(&mut self, task: u64, index: usize) -> Vec<Act<T>> {
        let Some(entry) = self.tasks.get_mut(&task) else { return Vec::new() };
        let draft = entry.drafts.remove(index);
        entry.note_refused(draft.nonce);
        self.held -= draft.held;
        self.drafted -= draft.cost;
        draft.tokens.into_iter().map(Act::Release).collect()
    }

    /// A result that was [`Done`](Act::Done) can't be believed: another one is waited for, and if the broker has the
    /// task no more it is handed out again.
    pub(in crate::cluster) fn refuse(&mut self, task: u64, nonce: u64, now: Duration) -> Option<Act<T>> {
        let entry = self.tasks.get_mut(&task)?;
        entry.note_refused(nonce);
        entry.spoilt = true;
        let attempt = entry.attempt;
        let TaskState::Out { sequence, .. } = entry.state else { return None };
        entry.state = TaskState::Sought { sequence, since: now };
        Some(Act::Look { task, attempt, sequence })
    }
}
