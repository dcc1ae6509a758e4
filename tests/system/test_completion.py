"""Completion in real shells: each offers what vmtuned-ctl says may stand for the word at the cursor."""

import os
import pty
import select

from harness import BUILD, REPO, Case
from truth import run, wait_for

FOLDER = os.path.join(REPO, "conf/completion")
POLICY = "defaults: {cpu: {policy: shared}}"
BASH = """source "$FOLDER/vmtuned-ctl"
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_vmtuned_ctl vmtuned-ctl
printf '%s\\n' "${COMPREPLY[@]}"
"""
FISH = """source $FOLDER/vmtuned-ctl.fish
complete -C "$argv"
"""
# Tab completes the line, Ctrl-X tells what it has become.
ZSH = """fpath=($FOLDER $fpath)
autoload -Uz compinit && compinit -u -D
tell() { print -r -- $BUFFER >$TOLD.new && mv $TOLD.new $TOLD; zle kill-whole-line }
zle -N tell && bindkey '^X' tell '^I' expand-or-complete
print ready >$TOLD
"""
ENVIRONMENT = {**os.environ, "PATH": f"{BUILD}:{os.environ['PATH']}", "FOLDER": FOLDER, "TERM": "xterm", "LC_ALL": "C.UTF-8"}


def lines(done):
    return set(done.stdout.split())


def bash(*words):
    return lines(run("bash", "--norc", "-c", BASH, "bash", "vmtuned-ctl", *words, env=ENVIRONMENT))


def fish(*words):
    done = run("fish", "--no-config", "-c", FISH, " ".join(("vmtuned-ctl", *words)), env=ENVIRONMENT)
    return {line.partition("\t")[0] for line in done.stdout.splitlines()}


class Zsh:
    """An interactive shell on a terminal of its own."""

    def __init__(self, folder):
        self.told = os.path.join(folder, "told")
        with open(os.path.join(folder, ".zshrc"), "w", encoding="utf-8") as file:
            file.write(ZSH)
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execvpe("zsh", ("zsh", "-i"), {**ENVIRONMENT, "ZDOTDIR": folder, "TOLD": self.told})
        self.answer()

    def answer(self):
        def there():
            while select.select([self.terminal], [], [], 0)[0]:
                os.read(self.terminal, 4096)
            return os.path.exists(self.told)

        wait_for("zsh's answer", there)
        with open(self.told, encoding="utf-8") as file:
            text = file.read().rstrip("\n")
        os.unlink(self.told)
        return text

    def complete(self, text):
        os.write(self.terminal, f"{text}\t\x18".encode())
        return self.answer()

    def close(self):
        os.close(self.terminal)
        os.waitpid(self.pid, 0)


class Completion(Case):
    def offers(self, shell):
        self.assertLessEqual({"status", "apply", "help", "complete"}, shell(""))
        self.assertEqual(shell("stat"), {"status"})
        self.assertEqual(shell("policy", "sh"), {"show"})
        self.assertLessEqual({"--json", "--host", "--watch"}, shell("status", "--"))
        self.assertEqual(shell("restore", "--al"), {"--all"})
        self.assertNotIn("--all", shell("status", "--"))
        self.assertLessEqual({"ded1", "sha1"}, shell("explain", ""))
        self.assertEqual(shell("apply", "ded1", "s"), {"sha1"})
        self.assertEqual(shell("explain", "ded1", "s"), set())
        self.assertEqual(shell("knobs", "vcpu.p"), {"vcpu.pin"})
        self.assertEqual(shell("help", "resta"), {"restart-into"})
        self.assertEqual({os.path.basename(word) for word in shell("check", f"{REPO}/conf/policy.y")}, {"policy.yaml"})
        self.assertEqual({os.path.basename(word) for word in shell("simulate", "--policy", f"{REPO}/conf/policy.y")},
                         {"policy.yaml"})

    def test_shells(self):
        for name in ("ded1", "sha1"):
            self.guest(name, start=False)
        daemon = self.daemon(POLICY)
        self.offers(bash)
        self.offers(fish)
        shell = Zsh(daemon.folder)
        try:
            self.assertEqual(shell.complete("vmtuned-ctl stat"), "vmtuned-ctl status ")
            self.assertEqual(shell.complete("vmtuned-ctl policy sh"), "vmtuned-ctl policy show ")
            self.assertEqual(shell.complete("vmtuned-ctl restore --al"), "vmtuned-ctl restore --all ")
            self.assertEqual(shell.complete("vmtuned-ctl explain de"), "vmtuned-ctl explain ded1 ")
            self.assertEqual(shell.complete("vmtuned-ctl apply ded1 s"), "vmtuned-ctl apply ded1 sha1 ")
            self.assertEqual(shell.complete("vmtuned-ctl knobs vcpu.p"), "vmtuned-ctl knobs vcpu.pin ")
            self.assertEqual(shell.complete(f"vmtuned-ctl check {REPO}/conf/policy.y"),
                             f"vmtuned-ctl check {REPO}/conf/policy.yaml ")
        finally:
            shell.close()
        daemon.stop()
        for offer in (bash, fish):  # quiet when nobody can be asked
            self.assertEqual(offer("explain", ""), set())

    def test_names_that_a_shell_would_take_apart(self):
        odd = self.guest("two words; ls", start=False)
        self.daemon(POLICY)
        self.assertEqual(bash("explain", odd.uuid[:8]), {odd.uuid})
        self.assertNotIn("two", " ".join(bash("explain", "")))
