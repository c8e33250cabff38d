#pragma once

namespace wisp {

/// The release this tree is; every tool's --version prints it.
inline constexpr const char* version = "0.1.0";

} // namespace wisp
