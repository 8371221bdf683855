# frozen_string_literal: true

require "net/http"
require "openssl"

module Hyperglyph
  class Client
    # One connection to a server, for one exchange after the other.
    #
    # Net::HTTP opens it (address, TLS, no proxy, no retries). Heads and bodies are written and read here, since
    # Net::HTTP reads a body only inside a block of the thread that called, has no bound for a head, waits for
    # each read and not until a deadline, and takes what stands behind an answer for the next one.
    class Connection < Net::HTTP
      HEAD = 65_536          # octets of all heads of an answer together
      INTERIM = 20           # answers of 1xx before the one that counts
      PIECE = 65_536         # octets that are read or written at a time
      STATUS = %r{\AHTTP/1\.([0-9]) ([0-9]{3})(?: [^\r]*)?\z}n.freeze
      FIELD = /\A([!#$%&'*+\-.^_`|~0-9A-Za-z]+):([^\x00\r\n]*)\z/n.freeze
      # The server takes no more of a request.
      class Interrupted < TransportError; end
      BROKEN = [SystemCallError, IOError, OpenSSL::SSL::SSLError].freeze

      # Opens one to an address of the target's host, with a X509::Store for https. TransportError and TimeoutError,
      # both "not done".
      def self.connect(target, address, deadline, store)
        connection = new(target.host, target.port, nil)
        connection.ipaddr = connection.peer = address
        connection.max_retries = 0
        raise TimeoutError, "no time is left for a connection to #{target.origin}" if deadline.passed?

        connection.open_timeout = connection.ssl_timeout = deadline.remaining
        if target.secure?
          connection.use_ssl = true
          connection.cert_store = store
        end
        connection.start
        connection
      rescue Net::OpenTimeout
        raise TimeoutError, "no connection to #{target.origin} in time"
      rescue SystemCallError, SocketError, IOError, OpenSSL::SSL::SSLError => e
        raise TransportError, "no connection to #{target.origin}: #{e.message}"
      end

      # The address that it leads to, as text.
      attr_accessor :peer

      # When it was put aside, by the clock of HTTP::Deadline.
      attr_accessor :idle_since

      # Whether an answer has begun to come. If not, a safe call may be sent once more (REQ-SAFE-2).
      def answered?
        @answered
      end

      # Sends the request and reads the head of the answer. Its body is read later; `release` is called when it
      # has come whole, with whether the connection can be used again.
      def exchange(request, &release)
        @answered = false
        @buffer = "".b
        sent = send_request(request)
        http_minor, status, fields = read_head(request.deadline)
        body = Body.new(self, framing(status, http_minor, fields), reusable: sent && keep?(http_minor, fields), &release)
        Response.new(status, fields, body, address: peer)
      rescue StandardError
        shut
        raise
      end

      # Whether the server has kept it open and silent. What came unasked is not the answer to the next request.
      def fresh?
        @socket.io.read_nonblock(1, exception: false) == :wait_readable
      rescue *BROKEN
        false
      end

      def shut
        @socket&.close
      rescue *BROKEN
        nil
      end

      # What has come and has not been read.
      attr_reader :buffer

      # Waits for more octets; false at the end of what the server sends. TransportError where the connection
      # breaks, TimeoutError when the time is up.
      def fill(deadline)
        loop do
          too_late if deadline.passed? # also where there is always more to read
          piece = io.read_nonblock(PIECE, exception: false)
          case piece
          when :wait_readable, :wait_writable then wait(piece, deadline)
          when nil then return false
          else
            @buffer << piece
            return true
          end
        end
      rescue *BROKEN => e
        raise TransportError.new("the connection broke: #{e.message}", outcome: @answered ? :done : :unknown)
      end

      # Sends octets; Interrupted where the server takes no more.
      def write(octets, deadline)
        octets = octets.b
        until octets.empty?
          written = io.write_nonblock(octets.byteslice(0, PIECE), exception: false)
          written.is_a?(Integer) ? octets = octets.byteslice(written..) : wait_to_write(written, deadline)
        end
      rescue *BROKEN => e
        raise Interrupted.new("the connection broke: #{e.message}", outcome: :unknown)
      end

      # A line without its end, which is LF or CRLF; counts against the room for heads.
      def line(deadline)
        until (stop = @buffer.index("\n"))
          too_long if @buffer.bytesize > @room
          return nil unless fill(deadline)
        end
        too_long if (@room -= stop + 1).negative?
        @buffer.slice!(0, stop + 1).chomp
      end

      # A line of a chunked body: each chunk has as much room as a head.
      def chunk_line(deadline)
        @room = HEAD
        line(deadline)
      end

      private

      def io
        @socket.io
      end

      def wait(direction, deadline)
        ready = if direction == :wait_writable
                  io.to_io.wait_writable(deadline.remaining)
                else
                  io.to_io.wait_readable(deadline.remaining)
                end
        too_late unless ready
      end

      def too_late
        raise TimeoutError.new("no whole answer in time", outcome: @answered ? :done : :unknown)
      end

      # A server may answer while a body is sent, and read no more of it.
      def wait_to_write(direction, deadline)
        return wait(direction, deadline) if direction == :wait_readable || use_ssl?

        ready = IO.select([io], [io], nil, deadline.remaining)
        raise Interrupted.new("the server answered early", outcome: :unknown) if ready && ready[1].empty?

        wait(direction, deadline)
      end

      # Gives whether all was sent: a server may answer before it has read the body, and close.
      def send_request(request)
        head = +"#{request.method} #{request.target.path} HTTP/1.1\r\n"
        request.headers.each { |name, value| head << "#{name}: #{value}\r\n" }
        head << "\r\n"
        write(head, request.deadline)
        send_body(request.body, request.deadline) if request.body
        true
      rescue Interrupted
        raise unless fill_if_any

        false
      end

      def send_body(body, deadline)
        sink = Sink.new(self, deadline, body.length)
        body.write_to(sink)
        sink.finish
      rescue Error => e
        # The content of a blob may come from another answer, whose errors say nothing of this call.
        raise if e.outcome == :unknown

        raise TransportError.new("the body of the request could not be sent whole: #{e.message}", outcome: :unknown)
      end

      # Whether an answer has come, though the request could not be sent whole.
      def fill_if_any
        fill(HTTP::Deadline.new(0.5))
      rescue Error
        false
      end

      def read_head(deadline)
        @room = HEAD
        INTERIM.times do
          minor, status = status_line(deadline)
          fields = read_fields(deadline, status >= 200 ? :done : :unknown)
          return [minor, status, fields] if status >= 200 || status == 101
        end
        raise MalformedAnswer.new("more than #{INTERIM} answers of 1xx", outcome: :unknown)
      end

      def status_line(deadline)
        text = line(deadline) or cut("the connection was closed without an answer")
        match = STATUS.match(text) or raise MalformedAnswer.new("the answer does not begin as HTTP/1.1 does", outcome: :unknown)
        @answered = true if match[2].to_i >= 200
        [match[1].to_i, match[2].to_i]
      end

      def read_fields(deadline, outcome)
        fields = {}
        loop do
          text = line(deadline) or cut("the head of the answer is cut short")
          return fields if text.empty?

          match = FIELD.match(text) or
            raise MalformedAnswer.new("a header field of the answer cannot be read", outcome: outcome)
          (fields[match[1].downcase] ||= []) << match[2].strip
        end
      end

      # How the end of the body is told (RFC 9112, section 6.3): a number of octets, :chunked, or :close.
      # What two readers could read in two ways is refused.
      def framing(status, http_minor, fields)
        return 0 if [101, 204, 304].include?(status)

        coding = fields["transfer-encoding"]
        lengths = fields["content-length"]
        if coding
          return :chunked if coding.size == 1 && coding[0].casecmp?("chunked") && lengths.nil? && http_minor.positive?

          raise MalformedAnswer, "the framing of the answer's body cannot be read: Transfer-Encoding"
        end
        return :close unless lengths
        return lengths[0].to_i if lengths.size == 1 && lengths[0].match?(/\A[0-9]{1,18}\z/)

        raise MalformedAnswer, "the framing of the answer's body cannot be read: Content-Length"
      end

      def keep?(http_minor, fields)
        http_minor.positive? && Array(fields["connection"]).none? { |field| field.match?(/\bclose\b/i) }
      end

      def cut(reason)
        raise TransportError.new(reason, outcome: @answered ? :done : :unknown)
      end

      def too_long
        raise MalformedAnswer.new("the head of an answer may have #{HEAD} octets", outcome: @answered ? :done : :unknown)
      end

      # Where a body is written to: as many octets as its length says, or in chunks where that is not known.
      class Sink
        def initialize(connection, deadline, length)
          @connection = connection
          @deadline = deadline
          @left = length
        end

        def write(octets)
          return 0 if octets.empty?

          if @left
            differs if (@left -= octets.bytesize).negative?
          else
            octets = "#{octets.bytesize.to_s(16)}\r\n".b << octets.b << "\r\n"
          end
          @connection.write(octets, @deadline)
        end

        def finish
          return @connection.write("0\r\n\r\n", @deadline) unless @left

          differs unless @left.zero?
        end

        private

        # The connection is of no use then: the server sees a body that is cut short.
        def differs
          raise TransportError.new("the content of a blob is not as long as it was said to be", outcome: :unknown)
        end
      end
    end
  end
end
