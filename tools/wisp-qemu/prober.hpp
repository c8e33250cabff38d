// Asks a machine's URL until it is answered, without ever waiting itself.
#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "signals.hpp"
#include "sockets.hpp"
#include "wisp/expectation.hpp"
#include "wisp/fd.hpp"
#include "wisp/http.hpp"
#include "wisp/run_judge.hpp"

/// One URL. QEMU accepts connections to a forwarded port at any time and closes them when the guest refuses, so
/// a connection without an answer means nothing, and the next follows.
class Prober {
public:
    /// Between two attempts: long against the cost of one, short against a boot.
    static constexpr wisp::Elapsed pause{20};
    /// For one attempt: the guest may never see a connection that was made before it had a network.
    static constexpr wisp::Elapsed patience{10000};

    Prober(const wisp::Endpoint& endpoint, std::string request)
        : endpoint_(endpoint), request_(std::move(request)) {}

    /// The first attempt is due: now, and afresh where one is under way that has had no answer.
    void start(wisp::Elapsed now) {
        if (reader_.silent()) give_up(now);
    }

    /// What to poll for; fd is -1 between attempts.
    pollfd watched() const {
        return {.fd = socket_.get(), .events = stage_ <= Stage::asking ? short{POLLOUT} : short{POLLIN}, .revents = 0};
    }

    /// When proceed() is to be called even if nothing happens on the socket.
    std::optional<wisp::Elapsed> due() const { return stage_ == Stage::heard ? std::nullopt : due_; }

    /// Goes on as far as it can without waiting. True when there is an answer now: result().
    bool proceed(short happened, wisp::Elapsed now) {
        if (due() && now >= *due_) socket_ ? give_up(now) : connect(now);
        if (!socket_ || happened == 0) return false;
        if (stage_ == Stage::connecting) check_connected(now);
        if (stage_ == Stage::asking) ask(now);
        return stage_ >= Stage::listening && listen(now);
    }

    const wisp::HttpStatusReader& result() const { return reader_; }

private:
    enum class Stage { connecting, asking, listening, heard };

    void give_up(wisp::Elapsed now) {
        socket_ = wisp::Fd();
        stage_ = Stage::connecting;
        reader_ = {};
        due_ = now;
    }

    void try_later(wisp::Elapsed now) { give_up(now + pause); }

    void connect(wisp::Elapsed now) {
        socket_ = tcp_socket();
        never_wait(socket_.get());
        const sockaddr_in there = socket_address(endpoint_);
        asked_ = 0;
        due_ = now + patience;
        if (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&there), sizeof there) != 0 &&
            errno != EINPROGRESS)
            try_later(now);
    }

    void check_connected(wisp::Elapsed now) {
        int error = 0;
        socklen_t size = sizeof error;
        if (::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0)
            return try_later(now);
        stage_ = Stage::asking;
    }

    void ask(wisp::Elapsed now) {
        while (asked_ < request_.size()) {
            const ssize_t sent = ::send(socket_.get(), request_.data() + asked_, request_.size() - asked_, 0);
            if (sent < 0) {
                if (errno != EAGAIN && errno != EINTR) try_later(now);
                return;
            }
            asked_ += static_cast<std::size_t>(sent);
        }
        stage_ = Stage::listening;
    }

    /// Once the status is known the rest is read for the service's sake, which may not survive a connection that
    /// closes while it writes.
    bool listen(wisp::Elapsed now) {
        std::array<std::uint8_t, 16384> block{};
        const ssize_t count = ::recv(socket_.get(), block.data(), block.size(), 0);
        if (count < 0 && (errno == EAGAIN || errno == EINTR)) return false;
        if (stage_ == Stage::heard) {
            if (count <= 0) socket_ = wisp::Fd();
            return false;
        }
        if (count <= 0) {
            try_later(now);
            return false;
        }
        if (reader_.feed({block.data(), static_cast<std::size_t>(count)}) == wisp::HttpStatusReader::State::more)
            return false;
        stage_ = Stage::heard;
        return true;
    }

    wisp::Endpoint endpoint_;
    std::string request_;
    std::size_t asked_ = 0; ///< bytes of it that are sent
    Stage stage_ = Stage::connecting;
    std::optional<wisp::Elapsed> due_;
    wisp::Fd socket_;
    wisp::HttpStatusReader reader_;
};
