// The only output of init, a line each: what it was given, what it goes on without, that the service starts, or why
// it does not.
#pragma once

#include <asm/ioctls.h>

#include "errors.hpp"
#include "sys.hpp"

namespace init {

/// Where lines go. The kernel gives PID 1 the console as 0, 1 and 2, or nothing at all when it has none.
inline int output_fd = 2;

/// Writes one line, whole. The result is ignored, for there is nowhere left to complain.
inline void say(Line& line) {
    line.make_printable();
    line << "\n";
    (void)sys_write(output_fd, line.c_str(), line.text().size());
}

/// Ends the boot. PID 1 that exits is a kernel panic; what follows (panic=) is the command line's to say.
/// A panic does not wait for a terminal that is still sending, so this does (tcdrain).
[[noreturn]] inline void stop(Line& line) {
    say(line);
    (void)sys_ioctl(output_fd, TCSBRK, 1);
    sys_exit(1);
}

/// The beginning of every line about a failure.
inline Line about(const char* step, const char* object) {
    Line line;
    line << "wisp: " << step << ": " << object << ": ";
    return line;
}

[[noreturn]] inline void fail(const char* step, const char* object, const char* reason) {
    Line line = about(step, object);
    stop(line << reason);
}

[[noreturn]] inline void fail(const char* step, const char* object, Result result, Hints hints = {}) {
    Line line = about(step, object);
    stop(describe(line, result.error(), hints));
}

/// Ends the boot unless the call succeeded.
inline void must(Result result, const char* step, const char* object, Hints hints) {
    if (!result.ok()) fail(step, object, result, hints);
}
inline void must(Result result, const char* step, const char* object) { must(result, step, object, {}); }

/// Ends the boot because of what a file says.
[[noreturn]] inline void fail(const char* step, const char* file, const Refusal& refusal) {
    Line line;
    stop(describe(line << "wisp: " << step << ": ", file, refusal));
}

} // namespace init
