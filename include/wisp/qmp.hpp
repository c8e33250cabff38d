// The start of a machine over QEMU's monitor protocol: QEMU has opened its ports but runs nothing yet; it is
// asked for the ports it got and told to go on [QEMU docs/interop/qmp-spec].
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wisp/address.hpp"
#include "wisp/error.hpp"
#include "wisp/json.hpp"
#include "wisp/text.hpp"

namespace wisp {

/// Puts the ports that QEMU chose into the forwards with host port 0. `listing` is the monitor's "info usernet":
/// a line "TCP[HOST_FORWARD] FD SOURCE PORT DESTINATION PORT ..." for each, where "*" is 0.0.0.0. Throws Error
/// (system) when one is not there.
inline void take_chosen_ports(std::string_view listing, std::vector<Forward>& forwards) {
    std::vector<Forward> open;
    for (const std::string_view line : split(listing, '\n')) {
        std::vector<std::string_view> words;
        for (const std::string_view word : split(line, ' '))
            if (!word.empty()) words.push_back(word);
        if (words.size() < 6 || words[0] != "TCP[HOST_FORWARD]") continue;
        open.push_back(parse_forward((words[2] == "*" ? "0.0.0.0" : std::string(words[2])) + ":" +
                                         std::string(words[3]) + ":" + std::string(words[5]),
                                     "QEMU"));
    }
    const auto claim = [&](Forward& wanted) {
        const auto found = std::find_if(open.begin(), open.end(), [&](const Forward& one) {
            return one.address == wanted.address && one.guest_port == wanted.guest_port &&
                   (wanted.host_port == 0 || one.host_port == wanted.host_port);
        });
        if (found == open.end())
            throw Error("QEMU", "tells no port for the forward " + to_text(wanted), Fault::system);
        wanted = *found;
        open.erase(found);
    };
    // A chosen port is one that was not asked for.
    for (const bool chosen : {false, true})
        for (Forward& forward : forwards)
            if ((forward.host_port == 0) == chosen) claim(forward);
}

/// The conversation: QEMU's bytes in, the answers out. Throws Error (system) when QEMU refuses or talks nonsense.
class QmpSession {
public:
    static constexpr std::size_t longest_message = 1024 * 1024;

    explicit QmpSession(std::vector<Forward> forwards) : forwards_(std::move(forwards)) {}

    /// What is to be sent for what was received.
    std::string feed(std::string_view bytes) {
        std::string answers;
        received_ += bytes;
        for (auto end = received_.find('\n'); end != received_.npos; end = received_.find('\n')) {
            answers += take(received_.substr(0, end));
            received_.erase(0, end + 1);
        }
        if (received_.size() > longest_message)
            throw Error("QEMU", "monitor: a message exceeds " + std::to_string(longest_message) + " bytes",
                        Fault::system);
        return answers;
    }

    /// Whether the command that lets the machine run has been given out.
    bool started() const { return stage_ == Stage::running; }
    /// The forwards with the ports QEMU has; final once started().
    const std::vector<Forward>& forwards() const { return forwards_; }
    /// QEMU's word for why the machine stopped ("guest-shutdown", "guest-reset"...), or "".
    const std::string& stop_reason() const { return stop_reason_; }

private:
    enum class Stage { greeting, negotiating, listing, running };

    std::string take(const std::string& line) {
        const Json message = Json::parse(line, nullptr, false);
        if (!message.is_object()) throw Error("QEMU", "monitor: no JSON object: " + printable(line), Fault::system);
        if (message.contains("error")) refused(message["error"]);
        if (message.contains("event")) return note(message);
        switch (stage_) {
            case Stage::greeting:
                if (!message.contains("QMP")) break;
                stage_ = Stage::negotiating;
                return R"({"execute": "qmp_capabilities"})"
                       "\n";
            case Stage::negotiating:
                stage_ = Stage::listing;
                return R"({"execute": "human-monitor-command", "arguments": {"command-line": "info usernet"}})"
                       "\n";
            case Stage::listing:
                if (!message.contains("return") || !message["return"].is_string()) break;
                take_chosen_ports(message["return"].get_ref<const std::string&>(), forwards_);
                stage_ = Stage::running;
                return R"({"execute": "cont"})"
                       "\n";
            case Stage::running: break;
        }
        return "";
    }

    [[noreturn]] static void refused(const Json& error) {
        const Json why = error.is_object() ? error.value("desc", Json()) : Json();
        throw Error("QEMU", "monitor: " + (why.is_string() ? printable(why.get<std::string>()) : "refuses"),
                    Fault::system);
    }

    std::string note(const Json& message) {
        if (message["event"] == "SHUTDOWN" && message.contains("data") && message["data"].is_object()) {
            const Json reason = message["data"].value("reason", Json(""));
            if (reason.is_string()) stop_reason_ = reason.get<std::string>();
        }
        return "";
    }

    std::vector<Forward> forwards_;
    Stage stage_ = Stage::greeting;
    std::string received_;
    std::string stop_reason_;
};

} // namespace wisp
