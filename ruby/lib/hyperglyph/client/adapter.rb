# frozen_string_literal: true

require "socket"
require "timeout"
require_relative "connection"
require_relative "body"

module Hyperglyph
  class Client
    # What an adapter is asked. `method` and `headers` (pairs of text) as they are to be sent, Host and framing
    # included; `target` an HTTP::URL::Target; `body` nil, or what has `length` (nil: not known) and
    # `write_to(sink)`; `deadline` an HTTP::Deadline; `safe`: it may be sent once more where no answer came;
    # `permit`: nil, or what tells by `call(address)` whether an address, as text, may be connected to (REQ-URL-12).
    Request = Struct.new(:method, :target, :headers, :body, :deadline, :safe, :permit, keyword_init: true) do
      def permit?(address)
        permit.nil? || permit.call(address)
      end
    end

    # What an adapter answers: the status, an Integer; fields by their names in lower case, each an Array of binary
    # Strings; a Body, which the client reads and closes; the address that it came from, as text.
    class Response
      attr_reader :status, :fields, :body, :address

      def initialize(status, fields, body, address:)
        @status = status
        @fields = fields
        @body = body
        @address = address
      end

      # The field where it stands once, else nil.
      def field(name)
        values = @fields[name]
        values[0] if values && values.size == 1
      end
    end

    # How requests are sent: an object with `call(request) -> response`. This one keeps connections open, by origin,
    # and may be shared by threads. It knows no proxies, redirects, cookies, compression or retries, but for a
    # safe call on a connection that was used before and closed without an answer.
    class Adapter
      # `ca`: a path to certificates to trust beside the system's. `idle`: seconds for which a connection waits for
      # its next call. `most_idle`: connections of one origin that wait.
      def initialize(ca: nil, idle: 4, most_idle: 8)
        @store = OpenSSL::X509::Store.new.tap(&:set_default_paths)
        @store.add_file(ca) if ca
        @idle = idle
        @most_idle = most_idle
        @waiting = {} # by origin, those that were used last behind
        @swept = HTTP::Deadline.now
        @lock = Mutex.new
        @process = Process.pid
      end

      # TransportError and TimeoutError where no head of an answer comes, MalformedAnswer where it cannot be
      # read, Refused where the name leads to no address that may be connected to.
      def call(request)
        raise TimeoutError, "no time is left for a call to #{request.target.origin}" if request.deadline.passed?

        kept = take(request)
        return exchange(kept || open(request), request) unless kept && request.safe

        begin
          exchange(kept, request)
        rescue TimeoutError
          raise
        rescue TransportError
          raise if kept.answered?

          exchange(open(request), request)
        end
      end

      # Closes the connections that wait. Answers that are being read go on.
      def close
        @lock.synchronize { @waiting.each_value { |kept| kept.each(&:shut) }.clear }
      end

      private

      def exchange(connection, request)
        origin = request.target.origin
        connection.exchange(request) { |used, reusable| reusable ? keep(origin, used) : used.shut }
      end

      # A connection that waits and is still open.
      def take(request)
        loop do
          connection = @lock.synchronize { waiting[request.target.origin]&.pop }
          return connection if connection.nil? || usable?(connection, request)

          connection.shut
        end
      end

      def usable?(connection, request)
        return false if HTTP::Deadline.now - connection.idle_since > @idle
        return false unless request.permit?(connection.peer)

        connection.fresh?
      end

      def keep(origin, connection)
        connection.idle_since = HTTP::Deadline.now
        gone = @lock.synchronize do
          here = waiting[origin] ||= []
          (here.size < @most_idle ? here.push(connection) && [] : [connection]) + expired
        end
        gone.each(&:shut)
      end

      # Those that nobody has asked for in time, of all origins: a client is led to many.
      def expired
        now = HTTP::Deadline.now
        return [] if now - @swept < @idle

        @swept = now
        gone = @waiting.values.flat_map { |kept| kept.select { |one| now - one.idle_since > @idle } }
        @waiting.each_value { |kept| kept.reject! { |one| gone.include?(one) } }.delete_if { |_, kept| kept.empty? }
        gone
      end

      # A child of this process does not share its connections.
      def waiting
        if @process != Process.pid
          @process = Process.pid
          @waiting.clear
        end
        @waiting
      end

      # Tries the addresses of the host in their order.
      def open(request)
        failure = nil
        addresses(request).each do |address|
          return Connection.connect(request.target, address, request.deadline, @store)
        rescue TimeoutError
          raise
        rescue TransportError => e
          failure = e
        end
        raise failure
      end

      def addresses(request)
        target = request.target
        open = resolve(target, request.deadline).select { |address| request.permit?(address) }
        return open unless open.empty?

        raise Refused, "a page may not lead to #{target.origin}: none of its addresses is permitted, as private_addresses: and addresses: say"
      end

      def resolve(target, deadline)
        raise TimeoutError, "no time is left for #{target.origin}" if deadline.passed?

        Timeout.timeout(deadline.remaining, TimeoutError, "the name of #{target.origin} was not found in time") do
          Addrinfo.getaddrinfo(target.host, target.port, nil, :STREAM).map(&:ip_address).uniq
        end
      rescue SocketError => e
        raise TransportError, "no address for #{target.origin}: #{e.message}"
      end
    end
  end
end
